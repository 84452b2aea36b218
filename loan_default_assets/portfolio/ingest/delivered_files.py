"""The files of a source whose path is a pattern such as `deliveries/*.csv`: which are complete, which still grow."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.source_options import Source
from loan_default_assets.portfolio.spec import Portfolio

# Names under which programs write a file before they rename it.
_HIDDEN = (".", "_")
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")


@dataclass(frozen=True)
class DeliveredFile:
    """A complete file; `state` changes when the file does."""

    path: str
    state: str


@dataclass(frozen=True)
class DeliveredFiles:
    """The files that match a pattern, in the order of their names.

    Attributes:
        complete: Files that have not changed for `settle_seconds`.
        growing: Paths of files that are empty or changed a moment ago.
    """

    complete: tuple[DeliveredFile, ...]
    growing: tuple[str, ...]

    def __contains__(self, path: str) -> bool:
        return path in self.growing or any(file.path == path for file in self.complete)


def delivered_files(source: Source, *, now: float | None = None) -> DeliveredFiles:
    """List the files of the source; hidden files and those under the name of an unfinished one are omitted.

    Args:
        source: Its path is a pattern.
        now: Seconds since 1970 to which times of change are compared; None: the present.

    Raises:
        SourceError: The folder cannot be read.
    """
    pattern = Path(source.path or "")
    now = time.time() if now is None else now
    matching = re.compile(".*".join(map(re.escape, pattern.name.split("*"))), re.DOTALL)
    complete, growing = [], []
    try:
        for path in sorted(pattern.parent.iterdir()):
            name = path.name
            if name.startswith(_HIDDEN) or name.lower().endswith(_UNFINISHED) or not matching.fullmatch(name):
                continue
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue  # renamed or deleted since the folder was listed
            if not path.is_file():
                continue
            # A clock that is ahead on another host makes a file seem to come from the future for good.
            if not stat.st_size or abs(now - stat.st_mtime) < source.settle_seconds:
                growing.append(str(path))
            else:
                complete.append(DeliveredFile(str(path), f"{stat.st_size}:{stat.st_mtime_ns}"))
    except OSError as error:
        raise SourceError(
            f"{pattern.parent}: {error.strerror}; the files of source.path are looked for there"
        ) from None
    return DeliveredFiles(tuple(complete), tuple(growing))


def of_one_file(p: Portfolio, path: str) -> Portfolio:
    """The portfolio with one file as its source."""
    return p.model_copy(update={"source": p.source.model_copy(update={"path": path})})
