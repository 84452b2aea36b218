import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.delivered_files import delivered_files
from loan_default_assets.portfolio.source_options import Source

NOW = 1_750_000_000.0

CASES = [
    ("a.csv", 5, 60, "complete"),
    ("a.csv", 5, 4, "growing"),
    ("a.csv", 5, -4, "growing"),
    ("a.csv", 5, -3600, "complete"),
    ("a.csv", 0, 60, "growing"),
    (".a.csv", 5, 60, "omitted"),
    ("_a.csv", 5, 60, "omitted"),
    ("a.csv.part", 5, 60, "omitted"),
    ("a.csv.TMP", 5, 60, "omitted"),
    ("a.txt", 5, 60, "omitted"),
    ("b.csv", 5, 60, "omitted"),
]


@pytest.mark.parametrize(("name", "size", "age", "expected"), CASES)
def test_which_files_are_read(tmp_path: Path, name: str, size: int, age: int, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x" * size)
    os.utime(path, (NOW - age, NOW - age))
    source = Source(kind="csv", path=str(tmp_path / "a*.csv*"))
    if name == "a.txt":
        source = Source(kind="csv", path=str(tmp_path / "*.csv"))
    files = delivered_files(source, now=NOW)
    found = {"complete": [file.path for file in files.complete], "growing": list(files.growing)}
    assert {kind for kind, paths in found.items() if paths == [str(path)]} == {expected} - {"omitted"}
    assert (str(path) in files) == (expected != "omitted")


def test_only_the_star_of_a_pattern_is_special(tmp_path: Path) -> None:
    for name in ("loans[1].csv", "loans1.csv"):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (NOW - 60, NOW - 60))
    files = delivered_files(Source(kind="csv", path=str(tmp_path / "loans[1]*.csv")), now=NOW)
    assert [Path(file.path).name for file in files.complete] == ["loans[1].csv"]


def test_a_changed_file_has_another_state(tmp_path: Path) -> None:
    path, source = tmp_path / "a.csv", Source(kind="csv", path=str(tmp_path / "*"))
    states = set()
    for content, age in (("x", 90), ("xy", 90), ("xy", 60)):
        path.write_text(content)
        os.utime(path, (NOW - age, NOW - age))
        states.add(delivered_files(source, now=NOW).complete[0].state)
    assert len(states) == 3


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"No such file or directory; the files of source\.path"):
        delivered_files(Source(kind="csv", path=str(tmp_path / "gone" / "*.csv")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "csv", "path": "in*/a.csv"}, "only the name of the file may hold"),
        ({"kind": "csv", "path": "a.csv", "settle_seconds": 1}, "settle_seconds: only where"),
        ({"kind": "csv", "path": "a.csv", "removed_files": "follow"}, "removed_files: only where"),
        ({"kind": "csv", "path": "*.csv", "watermark": "changed"}, "watermark: only for kind sql"),
    ],
)
def test_options_that_do_not_apply_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Source(**options)  # type: ignore[arg-type]
