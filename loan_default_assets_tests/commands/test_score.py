import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.score import score, score_file
from loan_default_assets.commands.score_loans import score_loans
from loan_default_assets.commands.spreadsheet_cells import neutral
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest import sources
from loan_default_assets.portfolio.spec import PortfolioError
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank


def _logged(bank: Bank) -> list[tuple[object, ...]]:
    with bank.session.database.transaction() as cursor:
        cursor.execute(
            "SELECT loan_id, probability, decision, reasons IS NOT NULL FROM predictions "
            "WHERE channel = 'file' ORDER BY request_id, position"
        )
        return cursor.fetchall()


def test_a_file_is_scored_by_the_champion_explained_and_logged_once(good_bank: Bank, tmp_path: Path) -> None:
    loans = small_bank.loans(days=3)
    file = tmp_path / "applications.csv"
    loans.drop(columns=["defaulted", "collected"]).to_csv(file, index=False)
    output = io.StringIO()
    assert score(good_bank.session, str(file), output).loans == len(loans)
    scored = pd.read_csv(io.StringIO(output.getvalue()))
    champion = good_bank.session.registry.champion()
    assert champion is not None

    rows = good_bank.session.loans.read_processed(keys=["2025-01-01", "2025-01-02", "2025-01-03"])
    predictor = Predictor.from_artifact(Path(champion.artifact_uri))
    expected = predictor.predict(rows.numerical, rows.categorical).pd
    assert list(scored["loan_id"]) == list(rows.loan_id)
    np.testing.assert_allclose(scored["probability"], expected, atol=1e-6)
    assert set(scored["model_version"]) == {champion.version}
    adverse = scored["decision"] == 1
    assert adverse.any()
    assert scored.loc[adverse, "reasons"].notna().all()
    assert scored.loc[~adverse, "reasons"].isna().all()

    logged = _logged(good_bank)
    assert [row[0] for row in logged] == list(scored["loan_id"])
    assert [row[3] for row in logged] == adverse.tolist()
    score(good_bank.session, str(file), io.StringIO())
    assert _logged(good_bank) == logged


def test_the_request_of_the_file_is_named(good_bank: Bank, tmp_path: Path) -> None:
    file = tmp_path / "applications.csv"
    loans = small_bank.loans(days=1).drop(columns=["defaulted", "collected"])
    loans["loan"] = [f"named-{number}" for number in range(len(loans))]
    loans.to_csv(file, index=False)
    text = score_file(good_bank.session, str(file), str(tmp_path / "scores.csv"))
    [named] = re.findall(r"loan-default explain (\S+) --position N", text)
    with good_bank.session.database.transaction() as cursor:
        cursor.execute("SELECT loan_id FROM predictions WHERE request_id = %s ORDER BY position", (named,))
        assert [name for (name,) in cursor.fetchall()] == loans["loan"].tolist()


def test_loan_ids_cannot_be_formulas_in_a_spreadsheet(good_bank: Bank, tmp_path: Path) -> None:
    ids = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "-12", "A=1", "+12.5"]
    loans = small_bank.loans(days=3).head(len(ids)).drop(columns=["defaulted", "collected"])
    loans["loan"] = ids
    file, output = tmp_path / "applications.csv", io.StringIO()
    loans.to_csv(file, index=False)
    score(good_bank.session, str(file), output)
    scored = pd.read_csv(io.StringIO(output.getvalue()), dtype={"loan_id": str})
    assert list(scored["loan_id"]) == [f"'{text}" for text in ids[:4]] + ids[4:]
    assert pd.api.types.is_float_dtype(scored["probability"])
    assert set(ids) <= {row[0] for row in _logged(good_bank)}


@pytest.mark.parametrize("text", ["=1", "+a", "-a", "@a", "\t=1", "\r=1", "\n=1", "-", "=", "--1", "-1e5"])
def test_a_text_that_may_be_a_formula_has_an_apostrophe(text: str) -> None:
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a", "12", "-12", "+1.5", "-1,5", " =1", "a=b"])
def test_other_texts_stay(text: str) -> None:
    assert neutral(text) == text


REFUSED = {
    "below": ({"income": -5150.25}, "column income: must be at least 0; fails on 1 row: 7"),
    "endless": ({"amount": "inf"}, "column amount: must be finite; fails on 1 row: 7"),
    "too large to score": ({"amount": 5.1e39}, "column amount: must be finite; fails on 1 row: 7"),
    "missing": ({"income": ""}, "column income: must be not missing; fails on 1 row: 7"),
    "unknown": (
        {"purpose": "yacht"},
        "column purpose: must be one of the portfolio's values; fails on 1 row: 7",
    ),
    "future": ({"issued": "2031-05-15"}, "column as_of: must be not in the future; fails on 1 row: 7"),
    "twice": ({"loan": "000-000"}, "column loan_id: must be unique; fails on 2 rows: 1, 7"),
}


@pytest.mark.parametrize(("cells", "named"), REFUSED.values(), ids=REFUSED)
def test_one_loan_against_the_rules_refuses_the_file(
    good_bank: Bank, tmp_path: Path, cells: dict[str, object], named: str
) -> None:
    before = _logged(good_bank)
    file, scores = tmp_path / "applications.csv", tmp_path / "scores.csv"
    loans = small_bank.loans(days=1).astype(object)
    loans.loc[6, list(cells)] = list(cells.values())
    loans.drop(columns=["defaulted", "collected"]).to_csv(file, index=False)
    with pytest.raises(CommandError) as refused:
        score_file(good_bank.session, str(file), str(scores))
    assert named in str(refused.value)
    assert not [cell for cell in cells.values() if cell and str(cell) in str(refused.value)]
    assert _logged(good_bank) == before
    assert list(tmp_path.iterdir()) == [file]


def test_dates_may_be_missing_in_single_rows(good_bank: Bank, tmp_path: Path) -> None:
    file = tmp_path / "applications.csv"
    loans = small_bank.loans(days=1)
    loans["issued"] = loans["issued"].where(loans.index > 3)
    loans.drop(columns=["defaulted", "collected"]).to_csv(file, index=False)
    assert score(good_bank.session, str(file), io.StringIO()).loans == len(loans)


def test_a_file_that_does_not_fit_is_refused_and_nothing_is_logged(good_bank: Bank, tmp_path: Path) -> None:
    before = _logged(good_bank)
    file = tmp_path / "applications.csv"
    small_bank.loans(days=1).drop(columns="income").to_csv(file, index=False)
    with pytest.raises(PortfolioError, match="income"):
        score(good_bank.session, str(file), io.StringIO())
    assert _logged(good_bank) == before


def test_stored_loans_of_a_range_are_scored_by_a_run_of_the_graph(good_bank: Bank) -> None:
    session = good_bank.session
    first, last = date(2025, 1, 5), date(2025, 1, 7)
    line = score_loans(session, good_bank.instance, first=first, last=last)
    champion = session.registry.champion()
    assert champion is not None
    assert f"3 partitions, 2025-01-05 to 2025-01-07, by model {champion.version}" in line
    key = dg.AssetKey([session.portfolio.name, "scored_loans"])
    assert good_bank.instance.get_materialized_partitions(key) == {"2025-01-05", "2025-01-06", "2025-01-07"}
    with session.database.transaction() as cursor:
        cursor.execute(
            "SELECT partition_key, count(*), count(DISTINCT loan_id) FROM scored_loans GROUP BY 1 ORDER BY 1"
        )
        assert cursor.fetchall() == [(f"2025-01-0{day}", 60, 60) for day in (5, 6, 7)]


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (date(2031, 1, 1), None, "no stored loans between 2031-01-01 and today"),
        (None, date(2001, 1, 1), "no stored loans between its start and 2001-01-01"),
    ],
)
def test_a_range_without_loans_is_not_scored(
    good_bank: Bank, first: date | None, last: date | None, message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        score_loans(good_bank.session, good_bank.instance, first=first, last=last)


@contextmanager
def small_batches() -> Iterator[None]:
    """Chunks and batches of a few rows."""
    chunks = sources.file_chunks

    def small(*arguments: Any) -> Iterator[Any]:
        for chunk in chunks(*arguments):
            rows = len(next(iter(chunk.values())))
            for first in range(0, rows, 5):
                yield {name: cells[first : first + 5] for name, cells in chunk.items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "_ROWS_PER_BATCH", 7)
        patch.setattr(sources, "file_chunks", small)
        yield


@pytest.mark.parametrize("rows", [1, 9, 10, 61])
def test_a_file_is_scored_in_batches_as_in_one_piece(good_bank: Bank, tmp_path: Path, rows: int) -> None:
    file = tmp_path / "loans.csv"
    small_bank.loans().tail(rows).to_csv(file, index=False)
    before = len(_logged(good_bank))
    whole, parts = io.StringIO(), io.StringIO()
    with small_batches():
        assert score(good_bank.session, str(file), parts).loans == rows
    logged = _logged(good_bank)
    assert len(logged) == before + rows, "positions continue through the batches"
    assert score(good_bank.session, str(file), whole).loans == rows
    expected, found = (pd.read_csv(io.StringIO(text.getvalue())) for text in (whole, parts))
    pd.testing.assert_frame_equal(found, expected, atol=1e-6)
    assert _logged(good_bank) == logged


def test_a_score_that_ended_after_some_rows_goes_on_when_it_is_repeated(
    good_bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "loans.csv"
    small_bank.loans().iloc[100:161].to_csv(file, index=False)
    before = len(_logged(good_bank))
    monkeypatch.setattr("loan_default_assets.commands.score._ROWS_PER_TRANSACTION", 20)
    append = PredictionLog.append
    stored: list[int] = []

    def ends_at_the_third(log: PredictionLog, predictions: Sequence[Prediction]) -> int:
        if len(stored) == 2:
            raise KeyboardInterrupt
        stored.append(append(log, predictions))
        return stored[-1]

    monkeypatch.setattr(PredictionLog, "append", ends_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        score(good_bank.session, str(file), io.StringIO())
    assert stored == [20, 20]
    assert len(_logged(good_bank)) == before + 40, "rows are stored while others are scored"
    monkeypatch.undo()
    output = io.StringIO()
    assert score(good_bank.session, str(file), output).loans == 61
    assert len(_logged(good_bank)) == before + 61
    assert len(pd.read_csv(io.StringIO(output.getvalue()))) == 61


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("amount", -1.0, "column amount: must be .*; fails on 3 rows: 1, 12, 40"),
        ("loan", "same", "column loan_id: must be unique; fails on 3 rows: 1, 12, 40"),
        ("amount", "n.k.", "amount.*1, 12, 40"),
    ],
)
def test_what_is_wrong_in_several_batches_is_said_once_and_nothing_is_scored(
    good_bank: Bank, tmp_path: Path, column: str, value: object, message: str
) -> None:
    loans = small_bank.loans().head(50).astype({column: object})
    loans.loc[[0, 11, 39], column] = value
    file, output = tmp_path / "loans.csv", io.StringIO()
    loans.to_csv(file, index=False)
    logged = _logged(good_bank)
    with small_batches(), pytest.raises((CommandError, SourceError), match=message):
        score(good_bank.session, str(file), output)
    assert output.getvalue() == ""
    assert _logged(good_bank) == logged
