"""Column names as people write them: each gets a name that a portfolio accepts, and is found under its own."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from loan_default_assets.portfolio.errors import PortfolioError, SourceError
from loan_default_assets.portfolio.ingest.column_names import names_as_read, usable_names
from loan_default_assets.portfolio.ingest.file_inspection import inspect_file
from loan_default_assets.portfolio.ingest.sources import (
    RowsRead,
    read_rows,
)
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets_tests.portfolio.five_columns import TODAY
from loan_default_assets_tests.portfolio.ingest.loan_files import csv_text, read_applications
from loan_default_assets_tests.portfolio.partition_rows import read_partitions

LONG = "대출신청금액" * 5
NAMES = [
    "",
    "rate",
    "Rate",
    "RATE",
    "rate",
    " spaced ",
    "Loan\r\nAmount",
    "소득(만원)",
    LONG + "A",
    LONG + "B",
    "label",
    "as_of",
    "loan_id",
    "loan_id_in_file",
    "a.b",
    'quo"te',
    "percent %",
    "rate.1",
    "tab\there",
    "zero\u200bwidth",
    "y",
    "",
]


def test_names_as_read_are_unique_lines() -> None:
    names = names_as_read(NAMES)
    assert len(set(names)) == len(names)
    assert names[0] == "unnamed_1"
    assert names[4] == "rate.2"
    assert names[5:7] == ("spaced", "Loan Amount")
    assert names[-1] == "unnamed_22"
    assert names_as_read(["a", "a", "a.1", "a"]) == ("a", "a.2", "a.1", "a.3")


def test_usable_names_are_accepted_by_a_portfolio() -> None:
    used = usable_names(names_as_read(NAMES))
    assert used["label"] == "label_in_file"
    assert used["loan_id_in_file"] == "loan_id_in_file"
    assert used["loan_id"] == "loan_id_in_file_2"
    assert (used["rate"], used["Rate"], used["RATE"]) == ("rate", "Rate_2", "RATE_3")
    assert used["소득(만원)"] == "소득(만원)"
    folded = [name.casefold() for name in used.values()]
    assert len(set(folded)) == len(folded)
    assert all(1 <= len(name.encode()) <= 63 for name in used.values())


def portfolio(folder: Path, names: Sequence[str]) -> Portfolio:
    """Write a file and a portfolio whose columns are those of the file, as a draft names them."""
    path = folder / "loans.csv"
    rows = [[str(100 * n + i) for i in range(len(names) - 2)] + [str(n % 2), ""] for n in range(1, 20)]
    path.write_text(csv_text(rows, names), "utf-8", newline="")
    layout = inspect_file(path)
    assert layout.not_needed == (("unnamed_22", "empty"),)
    columns = {
        used: {"kind": "number"} | ({} if used == name else {"source_name": name})
        for name, used in layout.portfolio_names.items()
        if name not in ("y", "unnamed_22")
    }
    spec = {
        "name": "bank",
        "source": layout.source_keys() | {"path": "loans.csv"},
        "label": {"column": "y"},
        "columns": columns,
        "ignore": ["unnamed_22"],
    }
    (folder / "bank.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True, sort_keys=False), "utf-8")
    return load(str(folder / "bank.yaml"))


def test_every_column_is_found_under_its_own_name(tmp_path: Path) -> None:
    p = portfolio(tmp_path, NAMES)
    [part] = read_partitions(p, ["snapshot"], today=TODAY)
    features = part.frame.iloc[:, 4:]
    assert list(features.columns) == list(p.columns)
    assert features.iloc[0].tolist() == [100.0 + i for i in range(20)]
    assert part.frame["label"].tolist() == [float(n % 2) for n in range(1, 20)]
    scored = read_applications(p, str(tmp_path / "loans.csv"))
    assert scored["label_in_file"].tolist() == features["label_in_file"].tolist()


def test_applications_may_use_the_names_of_the_portfolio(tmp_path: Path) -> None:
    p = portfolio(tmp_path, NAMES)
    (tmp_path / "new.csv").write_text(csv_text([["5"] * len(p.columns)], list(p.columns)), "utf-8")
    made = read_applications(p, str(tmp_path / "new.csv"))
    assert made[list(p.columns)].to_numpy().tolist() == [[5.0] * len(p.columns)]


def test_a_missing_source_name_is_named(tmp_path: Path) -> None:
    p = portfolio(tmp_path, NAMES)
    (tmp_path / "loans.csv").write_text(csv_text([["1"] * 22], ["x", *NAMES[1:]]), "utf-8", newline="")
    with pytest.raises(SourceError, match="'unnamed_1' is missing"):
        read_partitions(p, ["snapshot"], today=TODAY)


def test_a_second_column_of_a_name_must_be_described(tmp_path: Path) -> None:
    (tmp_path / "bank.yaml").write_text(
        "{name: bank, source: {kind: csv, path: a.csv}, label: {column: y}, columns: {rate: {kind: number}}}"
    )
    (tmp_path / "a.csv").write_text("rate,y,rate\n1,0,2\n")
    p = load(str(tmp_path / "bank.yaml"))
    with pytest.raises(SourceError, match=r"'rate' appears twice; not described in the portfolio: 'rate.1'"):
        read_partitions(p, ["snapshot"], today=TODAY)
    ignoring = p.model_copy(update={"ignore": ("rate.1",)})
    [part] = read_partitions(ignoring, ["snapshot"], today=TODAY)
    assert part.frame["rate"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{kind: csv, path: a, header: 0}", "header is 0 .no header line., so the columns need names"),
        ("{kind: csv, path: a, names: [b, b]}", "names must be distinct and not blank"),
        ("{kind: csv, path: a, delimiter: ';;'}", "source.delimiter"),
        ('{kind: csv, path: a, delimiter: "\'", quote: "\'"}', "delimiter and quote are the same"),
        ("{kind: excel}", "kind excel needs path"),
        ("{kind: csv, path: a, skip_foter: 1}", "did you mean 'skip_footer'"),
    ],
)
def test_a_wrong_layout_is_refused(tmp_path: Path, source: str, message: str) -> None:
    text = f"{{name: bank, source: {source}, label: {{column: y}}, columns: {{a: {{kind: number}}}}}}"
    (tmp_path / "bank.yaml").write_text(text)
    with pytest.raises(PortfolioError, match=message):
        load(str(tmp_path / "bank.yaml"))


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        ("new.csv", {"delimiter", "header", "skip_footer"}),
        ("new.xlsx", {"delimiter"}),
        ("new.parquet", {"delimiter"}),
    ],
)
def test_another_file_keeps_the_layout_if_its_kind_is_the_same(
    tmp_path: Path, file: str, kept: set[str]
) -> None:
    text = "{name: bank, label: {column: y}, columns: {a: {kind: number}}, source: "
    text += "{kind: csv, path: PATH, delimiter: ';', header: 2, skip_footer: 1}}"
    for path in ("a.csv", "'${LOAN_SOURCE}'"):
        (tmp_path / "bank.yaml").write_text(text.replace("PATH", path))
        source = load(str(tmp_path / "bank.yaml"), source=str(tmp_path / file)).source
        assert source.path == str(tmp_path / file)
        assert source.model_fields_set - {"kind", "path"} == kept


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("rate,y,added", {"'added'"}),
        ("rate,y,SCORE,added", {"'SCORE'", "'added'"}),
        ("rate,y", set()),
        ("rates,y,added", "'rate' is missing; did you mean 'rates'"),
        ("rate,y,rate", "'rate' appears twice"),
        ("rate,y,3.5,2020-01-05", "looks like a row of data"),
        ("a,b", "none of the portfolio's 2 columns"),
    ],
)
def test_new_columns_are_ignored_and_named_where_the_portfolio_says_so(
    header: str, read: set[str] | str, tmp_path: Path
) -> None:
    (tmp_path / "bank.yaml").write_text(
        "{name: bank, source: {kind: csv, path: a.csv}, label: {column: y}, new_columns: ignore, "
        "columns: {rate: {kind: number}}}"
    )
    (tmp_path / "a.csv").write_text(f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    found = RowsRead()
    rows = read_rows(load(str(tmp_path / "bank.yaml")), ["snapshot"], today=TODAY, read=found)
    if isinstance(read, str):
        with pytest.raises(SourceError, match=read):
            list(rows)
        return
    [only] = rows
    assert only.frame["rate"].tolist() == [1.0]
    assert "added" not in only.frame
    assert found.new_columns == read


@pytest.mark.parametrize(
    ("new_columns", "said"),
    [
        ("refuse", r"not described in the portfolio: 'added', 1 names of few rows, which are not shown"),
        ("ignore", r"'added'.*1 names of few rows, which are not shown"),
    ],
)
def test_names_of_few_rows_may_be_values_and_are_not_shown(
    new_columns: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "bank.yaml").write_text(
        f"{{name: bank, source: {{kind: jsonl, path: a.jsonl}}, label: {{column: y}}, new_columns: {new_columns}, "
        "columns: {rate: {kind: number}}}"
    )
    rows = ['{"rate": 1, "y": 0, "added": 1}'] * 3 + ['{"rate": 1, "y": 0, "added": 1, "Kim Minsu": 3}']
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    p, found = load(str(tmp_path / "bank.yaml")), RowsRead()
    if new_columns == "ignore":
        list(read_rows(p, ["snapshot"], today=TODAY, read=found))
        text = " ".join(sorted(found.new_columns))
    else:
        with pytest.raises(SourceError) as refused:
            list(read_rows(p, ["snapshot"], today=TODAY, read=found))
        text = str(refused.value)
    assert re.search(said, text)
    assert "Kim" not in text
