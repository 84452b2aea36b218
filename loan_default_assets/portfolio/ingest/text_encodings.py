"""Encodings of text files: detection, and signs that text was decoded with the wrong encoding before it was saved."""

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loan_default_assets.portfolio.errors import EXPORT_AGAIN, SourceError
from loan_default_assets.portfolio.ingest.compression import open_decompressed
from loan_default_assets.portfolio.ingest.legacy_encodings import EncodingEstimate, estimate_encoding

_BLOCK = 4 << 20
_SAMPLE = 1 << 18
# The longer marks first, because that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST_LINES, _FEWEST_LINES, _LEAST_UTF8 = 200_000, 3, 0.3
# Decided without a key in the portfolio: Unicode, and the encoding that Korean files without a mark are in.
_WITHOUT_KEY = ("utf-8", "cp949")


# Control characters that no text has, apart from separators of old exports.
_NOT_IN_TEXT = frozenset(range(0x20)) - frozenset(b"\t\n\x0b\f\r\x1a\x1b")
_FEWEST_KINDS = 8


@dataclass(frozen=True)
class TextEncoding:
    """How the bytes of a text file are decoded.

    Attributes:
        encoding: The name of the Python codec.
        needs_key: Whether the portfolio must name the encoding (`source.encoding`) for the file to be read.
        reason: What decided it, as part of a sentence for the user.
    """

    encoding: str
    needs_key: bool = False
    reason: str = "the bytes are UTF-8"


def encoding_of(path: Path, given: str | None = None) -> TextEncoding:
    """The encoding of a text file: by its byte order mark, else as given, else by its bytes.

    Raises:
        SourceError: The file is empty, its compressed data are damaged, or its text is in an encoding that the
            portfolio must name; the message has the line that names it.
    """
    marked = _marked(path)
    if marked is not None:
        return marked
    if given is not None:
        return TextEncoding(given, reason=f"source.encoding is {given}")
    found = detect(path)
    if found.needs_key:
        raise SourceError(
            f"{path}: line {_first_line_not_utf8(path)} is text neither in UTF-8 nor in cp949 (EUC-KR); it is "
            f"probably {found.encoding}: write `encoding: {found.encoding}` under `source` in the portfolio, "
            "or save the file as UTF-8"
        )
    return found


def detect(path: Path) -> TextEncoding:
    """Detect the encoding of a text file by reading it to its end.

    Raises:
        SourceError: The file is empty, its compressed data are damaged, or its text does not decide the encoding.
    """
    marked = _marked(path)
    if marked is not None:
        return marked
    line = _first_line_not_utf8(path)
    if line is None:
        return TextEncoding("utf-8")
    _refuse_two_encodings(path)
    estimate = _estimate(path)
    if estimate.encoding is not None and _decodes(path, estimate.encoding):
        return TextEncoding(
            estimate.encoding,
            estimate.encoding not in _WITHOUT_KEY,
            f"the text is not UTF-8 and its characters are those of {estimate.encoding}",
        )
    if estimate.likely == ("utf-8",):
        raise SourceError(
            f"{path}: line {line} is text neither in UTF-8 nor in cp949 (EUC-KR): most of the file is UTF-8, but "
            "this line has damaged bytes; correct them, or export the file again"
        )
    if _is_binary(path):
        raise SourceError(
            f"{path}: the file is no text, and of no format that is read. Next: save the table as CSV, Excel or Parquet"
        )
    likely = [e for e in estimate.likely if _decodes(path, e)] or list(estimate.likely)
    raise SourceError(
        f"{path}: line {line} is text neither in UTF-8 nor in cp949 (EUC-KR), and the text does not decide the "
        f"encoding; likely: {', '.join(likely) or 'none that is known'}. Write the right one under `source` in the "
        f"portfolio, for example `encoding: {(likely or ['cp1252'])[0]}` (init: --encoding), or save the file as UTF-8"
    )


def mojibake(texts: Iterable[str]) -> bool:
    """Whether one of the texts was decoded with the wrong encoding before it was saved."""
    return any(not text.isascii() and _garbled(text) for text in texts)


def _marked(path: Path) -> TextEncoding | None:
    """The encoding that a byte order mark, or the zero bytes of UTF-16 without one, shows."""
    with open_decompressed(path) as file:
        first = file.read(4096)
    if not first.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        _raise_if_blank(path)
    for mark, encoding in _MARKS:
        if first.startswith(mark):
            return TextEncoding(encoding, reason="the file begins with a byte order mark")
    even, odd = first[::2], first[1::2]
    for encoding, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if len(zeros) >= 8 and zeros.count(0) > 0.4 * len(zeros) and others.count(0) < 0.01 * len(others):
            return TextEncoding(encoding, reason="every second byte is zero, as in UTF-16 without a mark")
    return None


def _raise_if_blank(path: Path) -> None:
    with open_decompressed(path) as file:
        while block := file.read(_BLOCK):
            if block.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
                return
    if path.stat().st_size > 1000:
        raise SourceError(f"{path}: the file holds only zero bytes or blanks: it is damaged; copy it again")
    raise SourceError(f"{path}: the file is empty. {EXPORT_AGAIN}")


def _first_line_not_utf8(path: Path) -> int | None:
    """The line of the first bytes that are not UTF-8, or None."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 1
    with open_decompressed(path) as file:
        while block := file.read(_BLOCK):
            try:
                # Bytes held back from the block before are checked with it.
                if not block.isascii() or decoder.getstate()[0]:
                    decoder.decode(block)
            except UnicodeDecodeError as error:
                return lines + block[: error.start].count(b"\n")
            lines += block.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return lines
    return None


def _refuse_two_encodings(path: Path) -> None:
    """Raise SourceError where some lines are UTF-8 and others are not: files of two encodings were put together."""
    in_utf8, others, first = 0, [], 0
    with open_decompressed(path) as file:
        for number, line in enumerate(file, start=1):
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                in_utf8 += 1
            except UnicodeDecodeError:
                first = first or number
                others.append(line)
            if in_utf8 + len(others) == _MOST_LINES:
                break
    # Single lines are damaged, and short words of another encoding are UTF-8 by chance.
    if len(others) < _FEWEST_LINES or in_utf8 < _LEAST_UTF8 * (in_utf8 + len(others)):
        return
    found = estimate_encoding(b"".join(others))
    if found.likely == ("utf-8",):
        return
    likely = found.encoding or ", ".join(found.likely)
    raise SourceError(
        f"{path}: some lines are in UTF-8 and others, the first of them line {first}, in another encoding"
        f"{f' (likely: {likely})' if likely else ''}: files of two encodings were put together, and neither reads "
        "both. Next: save each of them as UTF-8, put them together again, and draft again"
    )


def _estimate(path: Path) -> EncodingEstimate:
    """Estimate from the first lines of the file that are not ASCII."""
    sample: list[bytes] = []
    size = 0
    with open_decompressed(path) as file:
        for line in file:
            if not line.isascii():
                sample.append(line)
                size += len(line)
                if size > _SAMPLE:
                    break
    return estimate_encoding(b"".join(sample))


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with open_decompressed(path) as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _is_binary(path: Path) -> bool:
    """Whether the first bytes hold many kinds of control characters, of which text has two or three."""
    with open_decompressed(path) as file:
        return len(_NOT_IN_TEXT.intersection(file.read(_BLOCK))) >= _FEWEST_KINDS


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
