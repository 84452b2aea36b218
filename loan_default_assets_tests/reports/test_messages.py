"""Every sentence that people read exists in English and Korean, and no entry of the catalogue is unused."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from loan_default_assets.model.metrics import METRICS
from loan_default_assets.policy.override_reasons import OVERRIDE_REASONS
from loan_default_assets.policy.promotion import Decision
from loan_default_assets.policy.promotion_figures import PromotionPolicy
from loan_default_assets.policy.promotion_gates import Excuse, GateName
from loan_default_assets.policy.verdict_warnings import WarningKind
from loan_default_assets.reports.figures.drift import Light
from loan_default_assets.reports.figures.feature_effects import Direction
from loan_default_assets.reports.figures.group_figures import Role
from loan_default_assets.reports.figures.oversight_figures import What
from loan_default_assets.reports.figures.validation_tests import Subject, validation_tests
from loan_default_assets.reports.rendering.messages import CATALOGUE, LANGUAGES, catalogue, message
from loan_default_assets.warehouse.registry import Status
from loan_default_assets_tests.reports.sample_validation import validation_figures

PACKAGE = Path(__file__).resolve().parents[2] / "loan_default_assets"
# The beginning of a key that is put together ends with _ and is none.
KEY = re.compile(r"[a-z_]+\.[a-z_0-9]+(\.[a-z_0-9]+)?(?<!_)")
TESTS = validation_tests(validation_figures())
# Keys that are put together at run time, with all values that the last part may have.
COMPOSED = {
    *(f"verdict.{role}.{decision}" for role in ("candidate", "champion") for decision in get_args(Decision)),
    *(f"policy.{policy}" for policy in get_args(PromotionPolicy)),
    *(f"{kind}.{light}" for kind in ("light", "grade_light") for light in get_args(Light)),
    *(f"direction.{direction}" for direction in get_args(Direction)),
    *(f"groups.{role}" for role in get_args(Role)),
    *(f"gate.{name}" for name in get_args(GateName)),
    *(f"gate.passed_{excuse}" for excuse in get_args(Excuse)),
    *(f"metric.{name}" for name in METRICS),
    *(f"metric.reference_{state}" for state in ("ahead", "alike", "behind")),
    *(f"member.{kind}" for kind in ("transformer", "boosting", "additive")),
    *(f"sheet.{subject}" for subject in get_args(Subject)),
    *(f"validation.{test.name}" for test in TESTS),
    *(f"validation.{test.name}_means" for test in TESTS),
    *(f"group.{name}" for name in ("missing", "unknown", "other", "all")),
    *(f"explanation.status_{status}" for status in get_args(Status)),
    *(f"explanation.{kind}" for kind in get_args(WarningKind)),
    *(f"override_reason.{code}" for code in OVERRIDE_REASONS),
    *(f"{kind}_{decision}" for kind in ("override.decision", "oversight.override") for decision in (0, 1)),
    *(f"oversight.{what.replace(' ', '_')}" for what in get_args(What)),
}


def literals(file: Path) -> Iterator[str]:
    """Texts in a module that look like keys."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEY.fullmatch(node.value):
            yield node.value


def used() -> set[str]:
    """Keys that code, template, or a value of the data names."""
    modules = [*PACKAGE.glob("reports/rendering/*.py"), *PACKAGE.glob("pipeline/*report*.py")]
    modules += [*PACKAGE.glob("pipeline/e*.py"), *PACKAGE.glob("decisions/*.py")]
    modules.append(PACKAGE.parent / "bento" / "operations" / "recorded_decisions.py")
    found = {key for file in modules for key in literals(file)}
    template = (CATALOGUE.parent / "report.html.j2").read_text("utf-8")
    found |= set(re.findall(r'message\("([^"]+)"', template))
    found |= set(re.findall(r'"(dossier\.\w+)"', (CATALOGUE.parent / "dossier.html.j2").read_text("utf-8")))
    records = (PACKAGE / "pipeline" / "report_records.py").read_text("utf-8")
    found |= {f"lineage.{name}" for name in re.findall(r'\("(\w+)", (?:record|str|signed)', records)}
    found |= {f"count.{name}" for name in re.findall(r'^    "(\w*rows\w*)",$', records, re.MULTILINE)}
    model = (CATALOGUE.parent / "model_sections.py").read_text("utf-8")
    limits = re.search(r"_LIMITS = \(([^)]*)\)", model)
    assert limits is not None
    return found | COMPOSED | {f"limits.{name}" for name in re.findall(r'"(\w+)"', limits[1])}


def missing_translations(entries: dict[str, dict[str, str]]) -> list[str]:
    """Keys and languages without a text, or whose text has other placeholders than the English one."""

    def placeholders(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    found = []
    for key, texts in entries.items():
        for language in LANGUAGES:
            text = texts.get(language, "")
            same = placeholders(text) == placeholders(texts.get("en", ""))
            if not text or (not same and key != "word.given"):
                found.append(f"{key} {language}")
    return found


def test_no_translation_is_missing() -> None:
    assert len(catalogue()) > 250
    assert missing_translations(catalogue()) == []


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"en": "Yes", "ko": "예"}, []),
        ({"en": "Yes"}, ["a ko"]),
        ({"en": "{n} loans", "ko": "대출"}, ["a ko"]),
    ],
)
def test_a_missing_translation_is_found(texts: dict[str, str], found: list[str]) -> None:
    assert missing_translations({"a": texts}) == found


def test_korean_texts_are_korean() -> None:
    # Names of measures that Korean readers know by their English abbreviation, and what is no sentence.
    international = {"metric.roc_auc", "metric.pr_auc", "metric.f1_short", "drift.csi", "headline.reference"}
    international |= {"word.given", "axis.in_unit", "live.dates", "explanation.line"}
    latin = {key for key, texts in catalogue().items() if not re.search("[가-힣]", texts["ko"])}
    assert latin == international


def test_code_and_catalogue_name_the_same_keys() -> None:
    known = set(catalogue())
    prefixes = {key.split(".")[0] for key in known}
    named = {key for key in used() if key.split(".")[0] in prefixes and not key.endswith((".yaml", ".css"))}
    assert sorted(named - known - {"report.html", "dossier.html.j2"}) == []
    assert sorted(known - named) == []


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        message("word.maybe").text("ko")
