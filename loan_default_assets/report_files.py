"""The files of model reports, beside the artifacts: written atomically, read back only with their recorded hash.

`<root>/reports/<version>-<12 digits of its SHA-256>.html` is a report, `<root>/reports/<version>.json` names the newest
one of a version with its whole SHA-256. The artifact itself is never touched.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from loan_default_assets.private_files import write_file

FOLDER = "reports"
# What is stored, and what stands there in a page that opens in Korean.
_KOREAN_FIRST = (
    (b'<html lang="en">', b'<html lang="ko">'),
    (b'id="english" class="switch" checked>', b'id="english" class="switch">'),
    (b'id="korean" class="switch">', b'id="korean" class="switch" checked>'),
)
_VERSION = re.compile(r"[ce][0-9a-f]{12}")


class ReportFileError(Exception):
    """A report that is missing or differs from its recorded hash; the message names the next command."""


@dataclass(frozen=True)
class StoredReport:
    """A report on disk.

    Attributes:
        version: The model.
        evaluation: Number of the evaluation in `model_performance` that it is of.
        sha256: SHA-256 of the file in hexadecimal digits.
        path: The file.
    """

    version: str
    evaluation: int
    sha256: str
    path: Path


def store_report(root: Path, version: str, evaluation: int, content: bytes) -> StoredReport:
    """Write the report of a version; the one that it replaces is removed. The same content changes nothing.

    Args:
        root: Root of the artifacts.
        version: The model.
        evaluation: Number of the evaluation in `model_performance`.
        content: The HTML document.

    Raises:
        OSError: It cannot be written.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(root.stat().st_mode & 0o777)
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / f"{version}-{sha256[:12]}.html"
    write_file(path, content, partial_folder=root)
    record = {"version": version, "evaluation": evaluation, "file": path.name, "sha256": sha256}
    write_file(folder / f"{version}.json", f"{json.dumps(record, indent=1)}\n".encode(), partial_folder=root)
    stored = StoredReport(version, evaluation, sha256, path)
    remove_former(stored)
    return stored


def remove_former(newest: StoredReport) -> None:
    """Delete the reports of the version that this one replaced."""
    for path in newest.path.parent.glob(f"{newest.version}-*.html"):
        if path != newest.path:
            path.unlink(missing_ok=True)


def is_version(text: str) -> bool:
    """Whether a text could name a model, and so may become part of a path."""
    return _VERSION.fullmatch(text) is not None


def find_report(root: Path, version: str) -> StoredReport | None:
    """The newest report of a version, unread; None where there is none."""
    if not is_version(version):
        return None
    try:
        record = json.loads((root / FOLDER / f"{version}.json").read_bytes())
        path = root / FOLDER / Path(str(record["file"])).name
        return StoredReport(version, int(record["evaluation"]), str(record["sha256"]), path)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def in_korean(content: bytes) -> bytes:
    """A report that opens in Korean: with the other language chosen at first, and otherwise the same.

    A report of another layout is returned as it is.

    Args:
        content: The page as it is stored, which opens in English.
    """
    if not all(content.count(stored) == 1 for stored, _ in _KOREAN_FIRST):
        return content
    for stored, sent in _KOREAN_FIRST:
        content = content.replace(stored, sent)
    return content


def read_report(root: Path, version: str) -> bytes:
    """The newest report of a version, with the recorded hash.

    Raises:
        ReportFileError: There is none, or it was altered.
    """
    found = find_report(root, version)
    try:
        content = found.path.read_bytes() if found else None
    except OSError:
        content = None
    if found is None or content is None:
        raise ReportFileError(f"there is no report of model {version}\nNext: loan-default report {version}")
    if hashlib.sha256(content).hexdigest() != found.sha256:
        raise ReportFileError(
            f"{found.path} differs from its recorded SHA-256\nNext: loan-default report {version}"
        )
    return content
