"""Every series that dashboard and alerts query is in /metrics of a real service, and every metric is described."""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bento.generated import loan_default_pb2 as pb
from bento.generated import loan_default_pb2_grpc as pb_grpc
from bento.operations.prometheus_metrics import RETRAINING_STATES
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftLog, F1Block, StoredPsi
from loan_default_assets.warehouse.evaluations import EvaluationLog, EvaluationRecord
from loan_default_assets.warehouse.yearly_tables import create_years
from loan_default_assets_tests.bento.operations.promql_names import grouping_labels, named_series
from loan_default_assets_tests.bento.served_process import service
from loan_default_assets_tests.bento.small_portfolio import PORTFOLIO, request
from loan_default_assets_tests.bento.tiny_models import ServedBank

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
EVALUATED = datetime(2026, 3, 1, 12, tzinfo=UTC)
# A healthy service has no such requests, and Prometheus makes these itself.
STATUSES, OF_PROMETHEUS = "status", {"up", "ALERTS"}


def expressions() -> dict[str, str]:
    """Every query, by alert or by panel and position."""
    rules = yaml.safe_load((MONITORING / "prometheus" / "alerts.yml").read_text("utf-8"))
    board = json.loads((MONITORING / "grafana" / "dashboards" / "loan-default.json").read_text("utf-8"))
    return {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]} | {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel.get("targets", [])
    }


@pytest.fixture(scope="module")
def families(
    make_bank: Callable[..., ServedBank], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Metric]]:
    """The metrics of a service with an evaluated champion and fresh data, after requests over both transports."""
    folder = tmp_path_factory.mktemp("monitored")
    described = folder / "corner_bank.yaml"
    described.write_text(yaml.safe_dump(PORTFOLIO | {"refresh": "0 6 * * *"}, sort_keys=False))
    bank = make_bank(str(described))
    record = bank.register(0)
    bank.promote(record)
    EvaluationLog(bank.database).record(
        EvaluationRecord(
            model_version=record.version,
            window_from=date(2026, 1, 1),
            window_to=date(2026, 2, 1),
            rows=1_500,
            positives=300,
            metrics={"f1": 0.71},
            intervals={"f1": (0.66, 0.75)},
            baseline=None,
            verdict="approved_below_target",
            snapshot_hash="snapshot-0",
            role="champion",
            evaluated_at=EVALUATED,
        )
    )
    index, block = (
        StoredPsi("pd", 0.25, 0.125, "amber"),
        F1Block("2026-02-01", "2026-03-01", 900, 0.7, 0.6, 0.8, 900, 0.65),
    )
    log = DriftLog(bank.database)
    log.record_check(
        record.version,
        DriftCheck("2026-03-01", "2026-03-01", 80, (StoredPsi("amount", 0.9, 0.3, "red"),), index),
    )
    log.record_blocks(record.version, [block])
    create_years(bank.database, "processed_data", ["2026"])
    with bank.database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO processed_data (partition_key, loan_id, as_of, numbers, categories, label, label_observed_at, "
            "feature_hash) VALUES ('2026-03-01', 'a', '2026-03-01', '{}', '{}', 1, '2026-03-01', %s)",
            (bank.portfolio.hash[:16],),
        )
    with service(folder, ready="/health", portfolio=described, database_url=bank.url) as served:
        assert httpx.post(served.http + "/predict", json=request()).status_code == 200
        assert httpx.post(served.http + "/predict", json={}).status_code == 422
        with grpc.insecure_channel(served.grpc) as channel:
            pb_grpc.LoanDefaultStub(channel).ModelInfo(pb.ModelInfoRequest())
            with pytest.raises(grpc.RpcError):
                pb_grpc.LoanDefaultStub(channel).Predict(pb.PredictRequest())
        httpx.get(served.http + "/metrics")
        yield list(text_string_to_metric_families(httpx.get(served.http + "/metrics").text))


@pytest.fixture(scope="module")
def series(families: list[Metric]) -> dict[str, list[dict[str, str]]]:
    """The labels of all samples by their name."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def value(families: list[Metric], name: str, **labels: str) -> float:
    [found] = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return float(found)


def problems(expression: str, series: dict[str, list[dict[str, str]]]) -> list[str]:
    """What an expression names that no series has."""
    found, labels = [], set()
    named = [each for each in named_series(expression) if each.metric not in OF_PROMETHEUS]
    for each in named:
        samples = series.get(each.metric)
        if samples is None:
            found.append(each.metric)
            continue
        labels |= samples[0].keys()
        for label, sign, wanted in each.matchers:
            if label not in samples[0]:
                found.append(f"{each.metric}{{{label}}}")
            elif label != STATUSES and sign in ("=", "=~"):
                pattern = re.escape(wanted) if sign == "=" else wanted
                if not any(re.fullmatch(pattern, sample[label]) for sample in samples):
                    found.append(f"{each.metric}{{{label}{sign}{wanted!r}}}")
    if named:
        found += sorted(grouping_labels(expression) - labels)
    elif not named_series(expression):
        found.append("no metric")
    return found


@pytest.mark.parametrize("name", sorted(expressions()))
def test_every_queried_series_exists(name: str, series: dict[str, list[dict[str, str]]]) -> None:
    assert problems(expressions()[name], series) == []


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("sum(rate(loan_default_request_total[5m]))", ["loan_default_request_total"]),
        ('sum(loan_default_reloads_total{result="refused"})', ["loan_default_reloads_total{result}"]),
        ('loan_default_reloads_total{outcome="lost"}', ["loan_default_reloads_total{outcome='lost'}"]),
        (
            'sum(loan_default_requests_total{route=~"/score.*"})',
            ["loan_default_requests_total{route=~'/score.*'}"],
        ),
        ("sum by (path) (loan_default_requests_total)", ["path"]),
        ("vector(1)", ["no metric"]),
        ('sum by (route) (rate(loan_default_requests_total{status=~"5.."}[5m]))', []),
    ],
)
def test_a_query_of_nothing_is_found(
    expression: str, found: list[str], series: dict[str, list[dict[str, str]]]
) -> None:
    assert problems(expression, series) == found


def test_predictions_over_both_transports_are_queried(series: dict[str, list[dict[str, str]]]) -> None:
    [pattern] = {
        value
        for expression in expressions().values()
        for each in named_series(expression)
        for label, _, value in each.matchers
        if label == "route"
    }
    routes = {(labels["transport"], labels["route"]) for labels in series["loan_default_requests_total"]}
    matched = {transport for transport, route in routes if re.fullmatch(pattern, route)}
    assert matched == {"http", "grpc"}
    assert not re.fullmatch(pattern, "/metrics")


def test_every_metric_has_a_help_text_and_is_documented(families: list[Metric]) -> None:
    own = [family for family in families if family.name.startswith("loan_default_")]
    assert len(own) > 20
    assert [family.name for family in own if len(family.documentation) < 10] == []
    document = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    named = {name.removesuffix("_total") for name in re.findall(r"`(loan_default_\w+)`", document)}
    assert {family.name for family in own} == named


def test_the_recorded_values_are_those_of_the_tables(families: list[Metric]) -> None:
    assert value(families, "loan_default_database_up") == 1
    assert value(families, "loan_default_f1") == 0.71
    assert (value(families, "loan_default_f1_low"), value(families, "loan_default_f1_high")) == (0.66, 0.75)
    assert value(families, "loan_default_f1_target") == 0.8
    assert value(families, "loan_default_evaluation_timestamp_seconds") == EVALUATED.timestamp()
    cutoff = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    assert value(families, "loan_default_data_cutoff_timestamp_seconds") == cutoff
    assert value(families, "loan_default_refresh_seconds") == 86_400
    assert abs(value(families, "loan_default_champion_since_timestamp_seconds") - time.time()) < 3_600
    states = {
        name: value(families, "loan_default_retraining_state", state=name) for name in RETRAINING_STATES
    }
    assert sum(states.values()) == 1
    assert value(families, "loan_default_new_labels") == 1


def test_no_label_holds_an_unbounded_value(families: list[Metric]) -> None:
    allowed = {"transport", "route", "status", "channel", "decision", "outcome", "version", "state", "le"}
    allowed |= {"figure", "bound", "kind", "delivered"}
    for family in families:
        if family.name.startswith("loan_default_"):
            assert {label for sample in family.samples for label in sample.labels} <= allowed, family.name


def test_what_is_not_recorded_has_no_value(
    make_bank: Callable[..., ServedBank], serve: Callable[..., Any]
) -> None:
    bank = make_bank()
    bank.promote(bank.register(0))
    with serve(bank) as served:
        text = httpx.get(served.http + "/metrics").text
        assert "loan_default_database_up 1.0" in text
        # No evaluation, no rows.
        assert "loan_default_f1 " not in text
        assert "loan_default_drifted_features" not in text
        assert "loan_default_data_cutoff" not in text
        assert "loan_default_retraining_state" in text
