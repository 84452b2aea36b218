"""The text of a file as one stream of UTF-8 bytes: decompressed, decoded, and without the lines after the table."""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.compression import open_decompressed

_BLOCK = 4 << 20
# The lines after the table must fit into this many bytes.
_TAIL = 1 << 16
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")


class NulByteFound(Exception):
    """A zero byte in the text; it ends the reading, and the reader then searches for its cell."""


class CommentLineFound(Exception):
    """A line between the rows that may be a comment; the reader then goes on record by record."""


@dataclass
class TextStream(io.RawIOBase):
    """A readable stream of UTF-8 bytes over blocks of bytes; what it raises are the errors of the blocks."""

    blocks: Iterator[bytes]
    _rest: memoryview = field(default_factory=lambda: memoryview(b""))

    def readable(self) -> bool:
        """Whether the stream can be read: always."""
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        """Fill the buffer with the next bytes; 0 at the end."""
        while not self._rest:
            block = next(self.blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


@contextmanager
def utf8_stream(
    path: Path,
    encoding: str,
    *,
    footer: Callable[[bytes], bytes] | None = None,
    nul_allowed: bool = False,
    comment: str | None = None,
) -> Iterator[io.BufferedReader]:
    """Open the text of a file.

    Args:
        path: The file.
        encoding: The codec that decodes it.
        footer: If given, it cuts the lines after the table from the last bytes of the text.
        nul_allowed: Pass zero bytes on; otherwise they raise NulByteFound.
        comment: If given, a line that starts with it, other than the first ones, raises CommentLineFound.

    Raises:
        SourceError: The file is damaged, or its bytes are not text in `encoding` (while reading, too).
    """
    with open_decompressed(path) as file:
        blocks = _decoded(path, file, encoding)
        if not nul_allowed:
            blocks = _without_nul(blocks)
        if comment:
            blocks = _without_comments(blocks, comment.encode())
        if footer:
            blocks = _without_footer(blocks, footer)
        yield io.BufferedReader(TextStream(blocks), 1 << 20)


def _decoded(path: Path, file: IO[bytes], encoding: str) -> Iterator[bytes]:
    """The file's text as UTF-8, without a byte order mark."""
    decoder = codecs.getincrementaldecoder(encoding)()
    plain = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    lines, first, bare_cr = 1, True, False
    while True:
        block = file.read(_BLOCK)
        try:
            if plain and block and block.isascii() and not decoder.getstate()[0]:
                utf8 = block
            else:
                utf8 = decoder.decode(block, final=not block).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            line = lines + error.object[: error.start].count(b"\n")
            raise SourceError(
                f"{path}: line {line} is not text in {encoding}; set source.encoding to the file's true encoding, "
                "or save the file as UTF-8"
            ) from None
        if first:
            utf8 = utf8.removeprefix(codecs.BOM_UTF8)
            # The line ends of old Macintosh programs, where \n only occurs in cells; all other code meets \n or \r\n.
            bare_cr = (
                b"\r" in utf8 and b"\r\n" not in utf8 and utf8.find(b"\r") < utf8.find(b"\n") % (1 << 62)
            )
            first = False
        if bare_cr:
            utf8 = utf8.replace(b"\r", b"\n")
        lines += utf8.count(b"\n")
        if utf8:
            yield utf8
        if not block:
            return


def _without_nul(blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        if b"\x00" in block:
            raise NulByteFound
        yield block


def _without_comments(blocks: Iterator[bytes], comment: bytes) -> Iterator[bytes]:
    """Raise at a comment between the rows; the comments before the first other line are passed on."""
    in_head = True
    pattern = re.compile(rb"[\r\n]" + re.escape(comment))
    last = b"\n"
    for block in blocks:
        joined = last + block
        start = 0
        if in_head:
            for line in _LINE.finditer(block):
                if line.group().strip() and not line.group().startswith(comment):
                    in_head, start = False, line.start() + 1
                    break
            else:
                start = len(joined)
        if pattern.search(joined, start):
            raise CommentLineFound
        last = block[-1:]
        yield block


def _without_footer(blocks: Iterator[bytes], footer: Callable[[bytes], bytes]) -> Iterator[bytes]:
    held = b""
    for block in blocks:
        held += block
        if len(held) > _TAIL:
            yield held[:-_TAIL]
            held = held[-_TAIL:]
    yield footer(held)
