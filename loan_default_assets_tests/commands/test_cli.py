import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.portfolio.spec import load
from loan_default_assets_tests import small_bank

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LOAN_DEFAULT_HOME", str(tmp_path / "home"))
    for name in ("PORTFOLIO", "LOAN_SOURCE"):
        monkeypatch.setenv(name, "")

    def invoked(*arguments: str) -> Result:
        return CliRunner().invoke(loan_default, list(arguments))

    return invoked


def test_status_of_nothing_is_one_json_object(invoke: Invoke) -> None:
    result = invoke("status", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["portfolio"] == "demo"
    assert found["tables"]["raw_data"] == 0
    assert found["champion"] is None
    assert found["evaluation"] is None
    assert {"raw_data", "predictions", "pruned_predictions"} <= {*found["sizes"]["tables"]["demo"]}
    assert found["sizes"]["tables"]["dagster"]["event_logs"] > 0
    assert found["sizes"]["database"] > 0


def test_prune_deletes_nothing_by_default(invoke: Invoke) -> None:
    for arguments in (("prune",), ("prune", "--apply", "--unmatured")):
        result = invoke(*arguments)
        assert result.exit_code == 0, result.output
        assert result.output.count("all are kept: RETENTION_") == 7


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "named"),
    [
        (["status", "--yaml"], {}, 2, "No such option"),
        (["run", "--from", "yesterday"], {}, 2, "--from"),
        (["walk"], {}, 2, "No such command"),
        (["sbom"], {}, 1, "no champion to describe"),
        (["status"], {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, 1, "DATABASE_URL"),
        (["status"], {"DATABASE_URL": "mysql://x@y/z"}, 1, "not PostgreSQL"),
        (["status", "--portfolio", "demmo"], {}, 1, "demo"),
        (["status", "--portfolio", "missing.yaml"], {}, 1, "missing.yaml"),
        (["status"], {"F1_SCORE_THRESHOLD": "high"}, 1, "F1_SCORE_THRESHOLD"),
        (["status"], {"DATABASE_URL": "postgresql://u:p@ss/w#rd@127.0.0.1:1/x"}, 1, "@ as %40"),
        (["up"], {"DAGSTER_HOST": "0.0.0.0"}, 1, "DAGSTER_UI_PASSWORD"),
        (["up"], {"DAGSTER_UI_PASSWORD": "short"}, 1, "at least 12 characters"),
        (["doctor"], {"DAGSTER_HOST": "0.0.0.0"}, 1, "DAGSTER_UI_PASSWORD"),
        (["prune"], {"RETENTION_CHAMPIONS": "1"}, 1, "RETENTION_CHAMPIONS"),
        (["prune"], {"RETENTION_PREDICTION_DAYS": "30"}, 1, "RETENTION_PREDICTION_DAYS"),
        (["run", "--from", "2019-01-01", "--to", "2019-01-05"], {}, 1, "--from"),
        (["run", "--portfolio", "taiwan_credit", "--source", "nowhere.csv"], {}, 1, "nowhere.csv"),
    ],
)
def test_a_mistake_ends_with_its_code_and_a_sentence_that_names_it(
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    code: int,
    named: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert named in result.output
    assert "Traceback" not in result.output


def test_a_drafted_portfolio_reads_its_file_and_is_never_overwritten(invoke: Invoke, tmp_path: Path) -> None:
    csv, portfolio = tmp_path / "loans.csv", tmp_path / "drafted.yaml"
    small_bank.loans().to_csv(csv, index=False)
    columns = ("--label", "defaulted", "--date", "issued", "--key", "loan", "--horizon-days", "10")
    arguments = ("init", str(csv), *columns, "--output")
    assert invoke(*arguments, str(portfolio)).exit_code == 0
    described = yaml.safe_load(portfolio.read_text())
    assert set(described["columns"]) == {
        "income",
        "amount",
        "months_employed",
        "purpose",
        "branch",
        "collected",
    }
    assert load(str(portfolio), source=str(csv)).as_of == "issued"
    again = invoke(*arguments, str(portfolio))
    assert again.exit_code == 1
    assert "exists" in again.output


VALUE = "Kim Minsu"


def _fail(*_: object, **__: object) -> None:
    try:
        raise KeyError(VALUE)
    except KeyError as error:
        raise ValueError(VALUE) from error


def _fail_with_own_error(*_: object, **__: object) -> None:
    try:
        raise KeyError(VALUE)
    except KeyError as error:
        raise CommandError("row 3 cannot be read") from error


@pytest.mark.parametrize("options", [(), ("--debug",)])
@pytest.mark.parametrize(
    ("work", "named"), [(_fail, "ValueError at"), (_fail_with_own_error, "row 3 cannot be read")]
)
def test_the_text_of_another_error_is_not_shown(
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[..., None],
    named: str,
    options: tuple[str, ...],
) -> None:
    monkeypatch.setattr("loan_default_assets.commands.status.status", work)
    result = invoke(*options, "status")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert named in result.output
    assert VALUE not in result.output
    assert (f"in {work.__name__}" in result.output) == bool(options)


def test_debug_on_a_terminal_shows_the_error_itself(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loan_default_assets.commands.status.status", _fail)
    monkeypatch.setattr("loan_default_assets.commands.command_errors.on_terminal", lambda: True)
    result = invoke("--debug", "status")
    assert isinstance(result.exception, ValueError)
    assert result.exception.args == (VALUE,)
