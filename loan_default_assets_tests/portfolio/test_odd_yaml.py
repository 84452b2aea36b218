"""Portfolio files that are no portfolio: one line that names the file, whatever is in them, and no password."""

from pathlib import Path

import pytest

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.ingest.sql_reader import query_chunks
from loan_default_assets.portfolio.spec import load

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
ODD = {
    "aliases that multiply": (BOMB, "stands for more than"),
    "merge keys that multiply": (
        "a0: &a0 {k: v}\n"
        + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 9)),
        "stands for more than",
    ),
    "deep": ("columns: " + "[" * 5000 + "]" * 5000, "deep"),
    "not so deep": ("columns: " + "{a: " * 60 + "1" + "}" * 60, "deep"),
    "deep blocks": ("".join(" " * n + "a:\n" for n in range(2000)), "deep"),
    "an alias to itself": ("a: &a [*a]", "refers to what contains it"),
    "a python tag": ("a: !!python/object/apply:os.system [id]", "constructor"),
    "an own tag": ("a: !vault secret-word", "constructor"),
    "a key twice": ("name: a\nname: b", "given twice"),
    "a list as key": ("? [a, b]\n: c", "not possible"),
    "a month 13": ("start: 2024-13-45", "not possible"),
    "a tag that does not fit": ("a: !!int secret-word", "not possible"),
    "two documents": ("a: 1\n---\na: 2", "document"),
    "no end": ("a: [1, 2", "expected"),
    "control characters": ("a: \x00", "ReaderError"),
    "a scalar": ("secret-word", "a portfolio is a mapping"),
    "nothing": ("", "a portfolio is a mapping"),
}


@pytest.mark.parametrize(("text", "reason"), ODD.values(), ids=ODD)
def test_odd_yaml_is_one_clear_line(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    with pytest.raises(PortfolioError) as refused:
        load(str(file))
    message = str(refused.value)
    assert message.startswith(str(file))
    assert reason in message
    assert len(message.splitlines()) == 1
    assert "secret-word" not in message


def test_a_file_of_loans_is_not_read_as_a_portfolio(tmp_path: Path) -> None:
    file = tmp_path / "loans.csv"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)
    # Nobody could wait until it is read, and no memory holds it.
    with pytest.raises(PortfolioError, match="larger than 8 MB"):
        load(str(file))


def test_anchors_stay_possible(tmp_path: Path) -> None:
    file = tmp_path / "anchors.yaml"
    file.write_text("name: [&n bank, *n]")
    with pytest.raises(PortfolioError, match="name: "):
        load(str(file))


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://bank:secret-word@${HOST}/loans", "${HOST} is not set"),
        ("postgresql://bank:secret-word@${HOST}:${PORT}/loans", "${HOST} is not set"),
        ("${LOAN_SOURCE}", "${LOAN_SOURCE} is not set"),
    ],
)
def test_an_unfilled_url_names_what_is_missing(tmp_path: Path, url: str, named: str) -> None:
    file = tmp_path / "sql.yaml"
    file.write_text(
        "name: bank\n"
        f"source: {{kind: sql, url: '{url}', query: SELECT 1}}\n"
        "key: loan\nlabel: {column: defaulted, positive: 1}\n"
        "columns: {amount: {kind: number}}\n"
    )
    with pytest.raises(PortfolioError) as refused:
        next(query_chunks(load(str(file)), None, None))
    message = str(refused.value)
    assert named in message
    assert len(message.splitlines()) == 1
    assert "secret-word" not in message
