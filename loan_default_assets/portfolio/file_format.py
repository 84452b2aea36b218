"""The kind of a file of loans: by its content where it exists, else by its name."""

from pathlib import Path

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.file_signatures import FileKind, kind_by_content

_KINDS_BY_SUFFIX: dict[str, FileKind] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_COMPRESSED_SUFFIXES = (".gz", ".zip", ".bz2", ".xz", ".zst")


def file_format(path: str | Path) -> FileKind:
    """The kind of the file: by its content, or by its name where it cannot be read or is of no known format."""
    file = Path(path)
    try:
        return kind_by_content(file) if file.is_file() and file.stat().st_size else kind_by_name(file)
    except (SourceError, OSError):
        return kind_by_name(file)


def kind_by_name(path: Path) -> FileKind:
    """The kind by the end of the name in any case, without that of a compression; csv for every other name."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED_SUFFIXES:
        suffixes.pop()
    return _KINDS_BY_SUFFIX.get(suffixes[-1], "csv") if suffixes else "csv"
