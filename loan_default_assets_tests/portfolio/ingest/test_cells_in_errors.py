"""No error shows a cell of a file whose names are cells, whatever reads it; neither does an error that caused it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.profiling.column_profiles import profile_file
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, draft_portfolio
from loan_default_assets_tests.portfolio.five_columns import CSV, bank, partitions
from loan_default_assets_tests.portfolio.ingest.loan_files import read_applications

HEADER, *LINES = CSV.splitlines()
# A value in every row that no message may contain.
ROWS = [",".join([*line.split(",")[:7], f"KimMinsu{number}"]) for number, line in enumerate(LINES)]
OBJECTS = [dict(zip(HEADER.split(","), row.split(","), strict=True)) for row in ROWS]


def lines(*rows: str) -> bytes:
    return ("\n".join(rows) + "\n").encode()


FILES = {
    "no header": lines(*ROWS),
    "no header, another separator": lines(*(row.replace(",", "|") for row in ROWS)),
    "no header, tabs": lines(*(row.replace(",", "\t") for row in ROWS)),
    "texts only": lines(*(f"KimMinsu{n},A,good" for n in range(60))),
    "one row": lines(ROWS[0]),
    "prose first": lines("Loans of KimMinsu", HEADER, *ROWS),
    "one cell too many": lines(HEADER, *ROWS[:4], f"{ROWS[4]},KimMinsu", *ROWS[5:]),
    "Python's objects": lines(*map(str, OBJECTS)),
    "JSON in quotes": lines(*('"' + json.dumps(row).replace('"', '""') + '"' for row in OBJECTS)),
    "JSON lines": lines(*map(json.dumps, OBJECTS)),
    "JSON lines, cut off": lines(*map(json.dumps, OBJECTS))[:-20],
    "JSON lines, one of text": lines(
        *map(json.dumps, OBJECTS[:5]), "KimMinsu", *map(json.dumps, OBJECTS[5:])
    ),
    "JSON lines of arrays": lines(*(json.dumps(row.split(",")) for row in ROWS)),
    "JSON array": json.dumps(OBJECTS).encode(),
    "JSON by name": json.dumps({row["note"]: row for row in OBJECTS}).encode(),
    "JSON with names as names": lines(*(json.dumps({f"KimMinsu{n}": n}) for n in range(300))),
}


def drafted(path: Path) -> None:
    draft_portfolio(profile_file(path), DraftRequest(label="bad", date="issued", key="id"))


def loaded(path: Path) -> None:
    data = path.read_bytes()
    kind = "jsonl" if data.startswith(b"{") else "csv"
    partitions(bank(path.parent, data, ("kind: csv", f"kind: {kind}")))


def scored(path: Path) -> None:
    read_applications(bank(path.parent), str(path))


@pytest.mark.parametrize("use", [drafted, loaded, scored])
@pytest.mark.parametrize("name", FILES)
def test_no_cell_is_shown(name: str, use: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    path.write_bytes(FILES[name])
    try:
        use(path)
    except PortfolioError as error:
        found: BaseException | None = error
        while found is not None:
            assert "Kim" not in str(found), type(found)
            found = found.__cause__ or found.__context__
    else:
        assert name not in ("no header", "one cell too many", "JSON with names as names")
