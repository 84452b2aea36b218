"""What a materialization shows: three digits, plots without a click, counts, lineage and data versions."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import dagster as dg
import pytest

from loan_default_assets.commands.materialize import materialize
from loan_default_assets.commands.session import definitions
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.metric_tables import sentences
from loan_default_assets.reports.plots import MOST_CHARACTERS
from loan_default_assets.reports.rendering.number_format import rounded
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank, OpenBank

UNPARTITIONED = ("pretrained_encoder", "classifier", "evaluation", "champion")
CHECKS = {
    "classifier": ("both_classes", "label_maturity", "no_leakage"),
    "evaluation": ("finite_outputs", "f1_reaches_target", "not_worse_than_reference"),
}
DATA_VERSION = "dagster/data_version"


def materializations(bank: Bank, asset: str) -> list[dg.AssetMaterialization]:
    """Those of an asset of the small bank, the newest first."""
    key = dg.AssetKey([bank.session.portfolio.name, asset])
    records = bank.instance.fetch_materializations(key, limit=1000).records
    return [record.asset_materialization for record in records if record.asset_materialization is not None]


def _numbers(value: Any) -> Iterator[float]:
    # Dagster's values are tuples too.
    if isinstance(value, dg.TableMetadataValue):
        value = [record.data for record in value.records]
    elif isinstance(value, dg.MetadataValue):
        value = value.value
    if isinstance(value, float):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _numbers(each)
    elif type(value) in (list, tuple):
        for each in value:
            yield from _numbers(each)


def _shown(bank: Bank, asset: str) -> Iterator[Mapping[str, Any]]:
    yield from (event.metadata for event in materializations(bank, asset))
    for name in CHECKS.get(asset, ()):
        check = dg.AssetCheckKey(dg.AssetKey(["small_bank", asset]), name)
        for record in bank.instance.event_log_storage.get_asset_check_execution_history(check, limit=9):
            assert record.event is not None
            assert record.event.asset_check_evaluation is not None
            yield record.event.asset_check_evaluation.metadata


def test_the_champion_begins_with_verdict_reason_and_metrics(good_bank: Bank) -> None:
    [shown, *_] = [event.metadata for event in materializations(good_bank, "champion")]
    evaluation = good_bank.session.evaluations.latest()
    assert evaluation
    assert evaluation.baseline
    names = [name for name in shown if not name.startswith("dagster/")]
    assert names[:5] == ["version", "verdict", "reason", "outcome", "metrics"]
    assert names.index("hyper_parameters") > names.index("f1")
    table = shown["metrics"]
    assert isinstance(table, dg.TableMetadataValue)
    [row] = [record.data for record in table.records if record.data["metric"] == "f1"]
    low, high = evaluation.intervals["f1"]
    assert row == {
        "metric": "f1",
        "value": rounded(evaluation.metrics["f1"]),
        "95 %": f"{low:.3f}–{high:.3f}",
        "reference": rounded(evaluation.baseline["metrics"]["f1"]),
    }
    assert table.schema.columns[3].description == evaluation.baseline["name"]


@pytest.mark.parametrize(("asset", "name"), [("champion", "reason"), ("evaluation", "reasons")])
def test_a_reason_is_read_without_scrolling_sideways(good_bank: Bank, asset: str, name: str) -> None:
    [shown, *_] = [event.metadata for event in materializations(good_bank, asset)]
    evaluation = good_bank.session.evaluations.latest()
    assert evaluation
    text = str(shown[name].value)
    lines = text.splitlines()
    assert len(lines) > 5
    # Of the 300 pixels for a value, a character takes 8.4.
    assert max(map(len, lines)) <= 36
    # Two blanks are a break within a paragraph of Markdown.
    assert all(line.endswith("  ") for line, after in pairwise(lines) if line and after)
    assert " ".join(text.replace("\u00a0", " ").split()) == evaluation.reason


def test_sentences_break_neither_numbers_nor_commands() -> None:
    text = str(
        sentences(
            "waits for 1 of 2 approvals: loan-default approve", "is between -0.677 and -0.598 (95 %)"
        ).value
    )
    assert text == (
        "waits for 1 of 2 approvals:  \nloan-default approve\n\nis between -0.677 and -0.598  \n(95\u00a0%)"
    )


@pytest.mark.parametrize("asset", [*UNPARTITIONED, "raw_loans"])
def test_numbers_have_three_significant_digits(good_bank: Bank, asset: str) -> None:
    numbers = [number for shown in _shown(good_bank, asset) for number in _numbers(shown)]
    assert len(numbers) > 1
    assert [number for number in numbers if float(f"{number:.3g}") != number] == []


@pytest.mark.parametrize(
    ("asset", "name"),
    [
        ("pretrained_encoder", "course"),
        ("classifier", "course"),
        ("evaluation", "calibration"),
        ("evaluation", "roc_curve"),
    ],
)
def test_plots_are_short_enough_to_be_shown_without_a_click(good_bank: Bank, asset: str, name: str) -> None:
    # A repeated run trains nothing, so the newest materialization may have no course of a training.
    plots = [
        str(event.metadata[name].value)
        for event in materializations(good_bank, asset)
        if name in event.metadata
    ]
    assert plots
    assert all(plot.startswith("![") and len(plot) <= MOST_CHARACTERS for plot in plots)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("metrics", ["metric", "value", "reference"]),
        ("intervals", ["metric", "low", "high"]),
        ("references", ["metric", "boosting", "logistic"]),
    ],
)
def test_metrics_stand_beside_the_reference_in_tables_of_three_columns(
    good_bank: Bank, table: str, columns: list[str]
) -> None:
    shown = materializations(good_bank, "evaluation")[0].metadata[table]
    assert isinstance(shown, dg.TableMetadataValue)
    names = [column.name for column in shown.schema.columns]
    assert [names[0], *sorted(names[1:], key=columns.index)] == columns
    recorded = good_bank.session.evaluations.latest()
    assert recorded is not None
    assert {record.data["metric"] for record in shown.records} <= set(recorded.metrics)
    if table == "metrics":
        assert recorded.baseline is not None
        assert shown.records[0].data == {
            "metric": "f1",
            "value": rounded(recorded.metrics["f1"]),
            "reference": rounded(recorded.baseline["metrics"]["f1"]),
        }


@pytest.mark.parametrize("asset", UNPARTITIONED)
def test_models_and_evaluations_have_their_version_as_data_version(good_bank: Bank, asset: str) -> None:
    event = materializations(good_bank, asset)[0]
    version = (event.tags or {})[DATA_VERSION]
    assert version.split(" on ")[0] == event.metadata["version"].value
    if asset == "evaluation":
        assert version.split(" on ")[1] == event.metadata["snapshot"].value


def _ingest(bank: Bank, *keys: str) -> None:
    graph = definitions(bank.session, partitions=keys)
    materialize(bank.session, bank.instance, graph, jobs.INGEST, partitions=keys)


def test_rows_are_counted_and_their_version_changes_with_them(open_bank: OpenBank) -> None:
    frame = small_bank.loans(days=3)
    bank = open_bank(frame)
    keys = [f"2025-01-0{day}" for day in (1, 2, 3)]
    _ingest(bank, *keys)
    for asset in ("raw_loans", "processed_features"):
        counts = {
            event.partition: (
                event.metadata["dagster/partition_row_count"].value,
                event.metadata["dagster/row_count"].value if "dagster/row_count" in event.metadata else None,
                "dagster/column_lineage" in event.metadata,
            )
            for event in materializations(bank, asset)
        }
        lineage = asset == "processed_features"
        assert counts == {
            keys[0]: (60, None, False),
            keys[1]: (60, None, False),
            keys[2]: (60, 180, lineage),
        }

    def version(asset: str) -> str:
        return (materializations(bank, asset)[0].tags or {})[DATA_VERSION]

    for asset in ("raw_loans", "processed_features"):
        first = version(asset)
        _ingest(bank, keys[1])
        assert version(asset) == first
        assert materializations(bank, asset)[0].partition == keys[1]
    unchanged = version("raw_loans"), version("processed_features")
    frame.loc[frame["issued"].astype(str) == keys[1], "amount"] *= 2
    frame.to_csv(bank.folder / "loans.csv", index=False)
    _ingest(bank, keys[1])
    changed = version("raw_loans"), version("processed_features")
    assert set(changed).isdisjoint(unchanged)
    assert changed[0] == changed[1] == bank.instance.get_runs(limit=1)[0].run_id
