"""Encodings of text files: detection, and signs that text was decoded with the wrong encoding before it was saved."""

import codecs
import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loan_default_assets.portfolio.errors import SourceError

_BLOCK = 4 << 20


@dataclass(frozen=True)
class TextEncoding:
    """How the bytes of a text file are decoded."""

    encoding: str
    gzipped: bool


def detect(path: Path) -> TextEncoding:
    """Detect UTF-8 (with or without BOM) or cp949, gzipped or not, by reading the whole file.

    Raises:
        SourceError: The file is empty or truncated, or its bytes are text in neither encoding.
    """
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    line = _undecodable_line(path, gzipped)
    if line is None:
        return TextEncoding("utf8", gzipped)
    if _is_korean(path, gzipped):
        return TextEncoding("cp949", gzipped)
    raise SourceError(
        f"{path}: line {line} is text neither in UTF-8 nor in cp949 (EUC-KR); "
        "save the file as UTF-8, or export it again from an undamaged original"
    )


def mojibake(texts: Iterable[str]) -> bool:
    """Whether one of the texts was decoded with the wrong encoding before it was saved."""
    return any(not text.isascii() and _garbled(text) for text in texts)


def _blocks(path: Path, gzipped: bool) -> Iterator[bytes]:
    try:
        with gzip.open(path) if gzipped else path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except EOFError:
        raise SourceError(f"{path}: the gzip file is truncated; copy it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path}: the gzip file is damaged ({error}); copy it again") from None


def _undecodable_line(path: Path, gzipped: bool) -> int | None:
    """The line of the first bytes that are not UTF-8, or None; SourceError for a file without text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, blank = 1, True
    for block in _blocks(path, gzipped):
        blank = blank and not block.strip(b"\xef\xbb\xbf \t\r\n")
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            return lines + block[: error.start].count(b"\n")
        lines += block.count(b"\n")
    if blank:
        raise SourceError(f"{path}: the file is empty")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return lines
    return None


def _is_korean(path: Path, gzipped: bool) -> bool:
    """Whether the file decodes as cp949 into text that is mostly Korean.

    Western one-byte encodings often decode as cp949 too, but into rare ideographs.
    """
    decoder = codecs.getincrementaldecoder("cp949")()
    korean = foreign = 0
    try:
        for block in _blocks(path, gzipped):
            codes = np.frombuffer(decoder.decode(block).encode("utf-16-le"), np.uint16)
            hangul = ((codes >= 0xAC00) & (codes <= 0xD7A3)) | ((codes >= 0x3131) & (codes <= 0x318E))
            korean += int(hangul.sum())
            foreign += int((codes > 0x7F).sum() - hangul.sum())
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return korean > foreign


def _is_syllable(character: str) -> bool:
    return "가" <= character <= "힣"


def _garbled(text: str) -> bool:
    if "\ufffd" in text:
        return True
    for encoding in ("cp1252", "latin-1", "cp949"):
        try:
            original = text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        # Two Korean syllables in cp949 can by chance be UTF-8 too, but not of Korean syllables.
        if encoding != "cp949" or any(map(_is_syllable, original)):
            return True
    return False
