"""Lists and tables of the documents name what the code has: states, roles, keys, reasons, checks, tables."""

import re
from collections.abc import Iterable
from typing import get_args

import pytest
from pydantic import BaseModel

from bento.access.api_keys import Role
from bento.access.permissions import PUBLIC, ROUTES
from bento.operations.prometheus_metrics import RETRAINING_STATES
from bento.schemas import problems
from loan_default_assets.limits import decision_policy
from loan_default_assets.model.config import PRESETS
from loan_default_assets.orchestration.approval_sensor import APPROVAL_SENSOR
from loan_default_assets.orchestration.drift_alerts import DRIFT_SENSOR
from loan_default_assets.orchestration.failure_alerts import FAILURE_SENSOR
from loan_default_assets.orchestration.new_rows_sensor import NEW_ROWS_SENSOR
from loan_default_assets.orchestration.sensors import AUTOMATION_SENSOR, RETRAINING_SENSOR
from loan_default_assets.pipeline.check_results import F1_AS_ESTIMATED, NO_FEATURE_DRIFT, NO_SCORE_DRIFT
from loan_default_assets.pipeline.deviations import Check
from loan_default_assets.policy.override_reasons import OVERRIDE_REASONS
from loan_default_assets.policy.promotion import Decision
from loan_default_assets.policy.promotion_inputs import RULES
from loan_default_assets.portfolio.description import Column, Description, LoanEconomics
from loan_default_assets.portfolio.documentation import Topic
from loan_default_assets.portfolio.label_options import Label
from loan_default_assets.portfolio.source_options import Source
from loan_default_assets.reports.rendering.messages import catalogue
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.alert_log import ALERT_KINDS
from loan_default_assets.warehouse.linked_columns import RECORD_COLUMNS
from loan_default_assets_tests.structure.documents import ROOT, section

NAME = re.compile(r"`([A-Za-z][\w/{}-]*|/[\w/{}-]*)`")


def named(text: str) -> set[str]:
    """What stands between backticks, and the words of code in it."""
    return set(NAME.findall(text))


def first_column(text: str) -> list[str]:
    """The names in the first column of the tables of a text, before a remark on them."""
    rows = [re.split(r" \| | \(|: ", line)[0] for line in text.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in NAME.findall(row)]


def roles(text: str) -> dict[str, set[str]]:
    """The roles by path, of tables with a column of paths and a column of roles."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| `"):
            continue
        for path in re.findall(r"`(?:[A-Z]+ )?(/[^`?]*)[^`]*`", cells[0]):
            named_roles = next(cell for cell in cells[1:] if set(cell.split(", ")) <= {*ROLES, "everyone"})
            found[path.replace("{id}", "{request_id}")] = set(named_roles.split(", "))
    return found


ROLES = {role.value for role in Role}
POLICY = decision_policy(Settings())
LISTS: dict[str, tuple[Iterable[str], Iterable[str]]] = {
    "settings of the policy": (
        re.findall(
            r"`([A-Z_0-9]+)`", section("approvals.md", "## The policy").split("`loan-default policy`")[0]
        ),
        POLICY,
    ),
    "reasons of overrides": (
        named(re.findall(r"\| `reason` \|(.*)", section("approvals.md", "## Overrides"))[0]),
        OVERRIDE_REASONS,
    ),
    "roles": (
        named(
            re.findall(r"the roles ([^:]*?) are\s+separate", section("approvals.md").replace("\n", " "))[0]
        ),
        ROLES,
    ),
    "kinds of alerts": (
        re.findall(r"by `kind` \(([^)]*)\)", section("monitoring.md"))[0].replace("`", "").split(", "),
        ALERT_KINDS,
    ),
    "states of retraining": (
        first_column(section("operators.md", "## What a state of retraining means")),
        RETRAINING_STATES,
    ),
    "states in the diagram": (
        set(re.findall(r"\b[A-Z][A-Z_]+\b", section("retraining.md", "## States").split("## An episode")[0]))
        & {*RETRAINING_STATES},
        RETRAINING_STATES,
    ),
    "checks of verify": (first_column(section("verification.md", "## What is checked")), get_args(Check)),
    "chained tables": (
        first_column(section("verification.md", "## How the records are chained")),
        {*RECORD_COLUMNS, "predictions", "shadow_predictions"},
    ),
    "keys of documentation": (
        re.findall(
            r"`(\w+)`",
            section("portfolio-file.md", "## Statements for the dossier: `documentation`").split(
                "keys are optional"
            )[1],
        ),
        get_args(Topic),
    ),
    "presets": (
        re.findall(r"`preset` \(([^)]*)\)", section("portfolio-file.md"))[0].replace("`", "").split(", "),
        PRESETS,
    ),
    "sheets of the workbook": (
        re.findall(
            r"^\| ([A-Z][a-z ]+) \|", section("model-report.md", "## Validation workbook"), re.MULTILINE
        )[:9],
        [text["en"] for key, text in catalogue().items() if key.startswith("sheet.")],
    ),
    "sensors": (
        {
            RETRAINING_SENSOR,
            *re.findall(r"^- `(\w+)`", section("retraining.md", "## Other sensors"), re.MULTILINE),
        },
        {
            APPROVAL_SENSOR,
            AUTOMATION_SENSOR,
            DRIFT_SENSOR,
            FAILURE_SENSOR,
            NEW_ROWS_SENSOR,
            RETRAINING_SENSOR,
        },
    ),
    "checks of drift": (
        re.findall(r"check `(\w+)`", section("drift.md", "## What is shown where")),
        (NO_FEATURE_DRIFT, NO_SCORE_DRIFT, F1_AS_ESTIMATED),
    ),
    "rules of the promotion": (
        re.findall(
            r"^\| (\d) \|",
            section("retraining.md").split("what they changed")[1].split("\n\n")[0],
            re.MULTILINE,
        ),
        map(str, range(1, RULES + 1)),
    ),
}


@pytest.mark.parametrize("subject", LISTS)
def test_a_list_is_that_of_the_code(subject: str) -> None:
    documented, known = LISTS[subject]
    assert sorted(documented) == sorted(known)


@pytest.mark.parametrize(("document", "least"), [("api.md", 15), ("console.md", 6), ("explanation.md", 2)])
def test_a_table_names_the_roles_of_each_path(document: str, least: int) -> None:
    found = roles(section(document))
    assert len(found) >= least
    for path, documented in found.items():
        allowed = ROUTES[path]
        assert documented == ({"everyone"} if allowed is PUBLIC else {role.value for role in allowed}), path


def test_every_error_of_the_service_is_listed_with_its_statuses() -> None:
    listed = {
        code: (int(status), grpc)
        for codes, status, grpc in re.findall(
            r"^\| (`[^|]+) \| (\d{3}) \| ([A-Z_]+) \|", section("api.md", "## Errors"), re.MULTILINE
        )
        for code in NAME.findall(codes)
    }
    known = [each for each in vars(problems).values() if isinstance(each, problems.Problem)]
    assert listed == {each.code: (each.status, each.grpc) for each in known}


def test_every_table_of_the_schema_is_named_in_what_is_verified() -> None:
    created = {
        name
        for path in (ROOT / "sql").glob("*.sql")
        for name in re.findall(r"^CREATE TABLE (\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert len(created) > 25
    # A partition of its table.
    created = {name for name in created if not name.endswith("_undated")}
    assert sorted(created - named(section("verification.md"))) == []


def test_validators_are_led_to_sections_that_exist() -> None:
    titles = {text["en"] for text in catalogue().values()}
    table = section("validators.md", "## Questions, and where the answer is")
    led = {phrase for line in table.splitlines() for phrase in re.findall(r'"([^"]+)"', line)}
    assert len(led) > 8
    assert led - titles == set()


@pytest.mark.parametrize("verdict", get_args(Decision))
def test_every_verdict_is_explained(verdict: str) -> None:
    assert f"`{verdict}`" in section("retraining.md", "## The promotion verdict")


@pytest.mark.parametrize("model", [Description, Column, Label, Source, LoanEconomics])
def test_every_key_of_the_portfolio_file_is_explained(model: type[BaseModel]) -> None:
    text = section("portfolio-file.md")
    words = set(re.findall(r"\w+", " ".join(re.findall(r"```.*?```|`[^`\n]*`", text, re.DOTALL))))
    # Read from the mapping under `ignore`.
    assert [key for key in model.model_fields if key not in words | {"ignored_because"}] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("| `/a`, `/b` | what | user |\n", {"/a": {"user"}, "/b": {"user"}}),
        ("| `GET /a/{id}` | user, admin | what |", {"/a/{request_id}": {"user", "admin"}}),
        ("| `/a?x=Y` | what | everyone |", {"/a": {"everyone"}}),
        ("| page | what | roles |", {}),
    ],
)
def test_roles_are_read_from_a_table(text: str, found: dict[str, set[str]]) -> None:
    assert roles(text) == found
