"""The page of a model report: self-contained, in both languages, escaped, and every section filled or explained."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any, get_args

import numpy as np
import pytest

from loan_default_assets.policy.promotion import Decision
from loan_default_assets.policy.promotion_figures import Comparison, PromotionLimits
from loan_default_assets.reports.figures.feature_table import Feature
from loan_default_assets.reports.figures.gate_figures import promotion_gates
from loan_default_assets.reports.figures.group_figures import WeakSegment, WeakSegments
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.proportions import Interval
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.rendering.blocks import NO_SHADE, Figures, HeatMap
from loan_default_assets.reports.rendering.html_page import SECTIONS, render, sections
from loan_default_assets.reports.rendering.messages import message
from loan_default_assets.reports.rendering.monitoring_sections import drift_section
from loan_default_assets.reports.rendering.svg_charts import svg
from loan_default_assets.reports.rendering.verdict_sections import verdict_message, verdict_tone
from loan_default_assets_tests.reports.sample_figures import HERE, INPUTS, SCRIPT, report_figures

OF_ROWS = (
    "data",
    "discrimination",
    "calibration",
    "cut_offs",
    "swaps",
    "grades",
    "course",
    "effects",
    "drift",
    "groups",
    "weak",
    "vintages",
)
VOID = {"meta", "input", "link", "img", "br", "circle", "path", "rect"}


class Page(HTMLParser):
    """What the tests read of a page: tags with attributes, open elements at the end, texts by language."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, str]] = []
        self.shown = {"en": "", "ko": ""}
        self.outside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("input", "a", "summary", "details") and not self._in_landmark:
            self.outside.append(tag)
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("lang") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(tag in ("style", "title") for tag, _ in self.open):
            return
        if data.strip() and not self._in_landmark:
            self.outside.append(data)
        languages = {lang for tag, lang in self.open if lang and tag not in ("html", "blockquote")}
        for language in languages or {"en", "ko"}:
            self.shown[language] += data

    @property
    def _in_landmark(self) -> bool:
        return bool({"header", "nav", "main", "footer"} & {tag for tag, _ in self.open})

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(name)) is not None]


@pytest.fixture(scope="module")
def text() -> str:
    return render(report_figures())


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_nothing_is_requested_and_nothing_runs(text: str, page: Page) -> None:
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    assert page.attributes("src") == []
    assert all(target.startswith("#") for target in page.attributes("href"))
    assert not re.search(r"url\(|@import|https?:", text)
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert page.open == []


def test_texts_of_the_portfolio_are_escaped(text: str) -> None:
    assert SCRIPT not in text
    # Title, feature, group, recorded reason.
    assert text.count("&lt;script&gt;") >= 4


def test_windows_without_dates_are_not_given_the_day_of_the_evaluation(text: str) -> None:
    history = report_figures().history
    undated = replace(
        history, evaluations=tuple(replace(point, window_to="") for point in history.evaluations)
    )
    for figures, words in ((report_figures(history=undated), 2), (report_figures(), 0)):
        shown = Page(render(figures)).shown
        for language, no_dates in (("en", "no dates"), ("ko", "날짜 없음")):
            table = shown[language].partition(message("history.table").text(language))[2]
            assert table.partition("model_performance")[0].count(no_dates) == words
    assert message("history.id").text("en") in _axis_titles(render(report_figures(history=undated)))
    assert message("history.window").text("en") in _axis_titles(text)


@pytest.mark.parametrize("window_from", ["2026-02-02", ""])
def test_a_window_without_dates_is_said_to_be_no_later_period(window_from: str) -> None:
    figures = report_figures()
    dated = replace(figures.evaluation, window_from=window_from)
    shown = Page(render(replace(figures, evaluation=dated))).shown
    assert ("no later period" in shown["en"]) == (not window_from)
    assert ("이후 기간이 아니라" in shown["ko"]) == (not window_from)
    assert ("window is one period" in shown["en"]) == bool(window_from)


def test_a_period_with_too_few_loans_is_not_drawn_as_stable() -> None:
    drift = report_figures().drift
    assert not isinstance(drift, Omitted)
    features = tuple(
        replace(one, periods=tuple(replace(index, value=float("nan")) for index in one.periods))
        for one in drift.features
    )
    [chart] = _heat_maps(report_figures(drift=replace(drift, features=features)))
    assert {level for levels in chart.levels for level in levels} == {NO_SHADE}
    assert chart.legend[NO_SHADE].text("en") == "too few loans"
    cells = sum(len(levels) for levels in chart.levels)
    # One dash per cell and one in the legend.
    assert svg(chart, "").count('stroke-width="1.6"') == cells + 1
    [filled] = _heat_maps(report_figures())
    assert 0 in {level for levels in filled.levels for level in levels}


def _heat_maps(figures: ReportFigures) -> list[HeatMap]:
    charts = [
        chart
        for block in drift_section(figures).blocks
        if isinstance(block, Figures)
        for chart in block.charts
    ]
    return [chart for chart in charts if isinstance(chart, HeatMap)]


@pytest.mark.parametrize(("cheapest", "said"), [(0.0, True), (0.3, False)])
def test_a_threshold_at_which_every_application_is_declined_is_explained(cheapest: float, said: bool) -> None:
    found = report_figures().cut_offs
    assert not isinstance(found, Omitted)
    costs = replace(found.costs, cheapest=cheapest)
    shown = Page(render(report_figures(cut_offs=replace(found, costs=costs)))).shown
    for language in ("en", "ko"):
        assert (message("threshold.declines_all").text(language) in shown[language]) == said


def _axis_titles(text: str) -> set[str]:
    """All texts of the drawings in English."""
    return set(re.findall(r'<text[^>]*lang="en"[^>]*>([^<]*)</text>', text))


def test_the_same_figures_give_the_same_bytes_below_two_megabytes(text: str) -> None:
    assert render(report_figures()) == text
    assert len(text.encode()) < 2_000_000


def test_every_link_and_label_leads_to_an_element(page: Page) -> None:
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in page.attributes("href")} <= set(ids)
    assert set(page.attributes("aria-labelledby")) <= set(ids)
    assert set(page.attributes("for")) == {"english", "korean"}
    assert [section.id for section in sections(report_figures())] == [
        value for tag, attrs in page.tags if tag == "section" and (value := attrs["id"])
    ]


def test_all_of_the_page_is_in_a_landmark(page: Page) -> None:
    """Who moves from landmark to landmark meets the switch of the languages too (axe-core: region)."""
    assert page.outside == []
    assert [tag for tag, _ in page.tags].count("main") == 1
    in_header = [tag for tag, _ in page.tags]
    assert in_header.index("header") < in_header.index("input") < in_header.index("nav")


def test_each_language_is_shown_without_the_other(text: str, page: Page) -> None:
    for start, hidden in (("english", "ko"), ("korean", "en")):
        assert re.search(rf'\.page:has\(#{start}:checked\) \[lang="{hidden}"\]', text)
    # Per text in one language there is one in the other.
    languages = [attrs["lang"] for tag, attrs in page.tags if tag in ("span", "text") and "lang" in attrs]
    assert languages.count("en") == languages.count("ko") > 100
    assert not re.search("[가-힣]", page.shown["en"].replace("한국어", ""))
    english = re.findall(
        r"\b(?:the|and|of the|loans)\b", re.sub(r"Because.*?</script>", "", page.shown["ko"])
    )
    assert english == []


def test_charts_are_named_and_have_units(page: Page) -> None:
    charts = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(charts) > 15
    assert all(attrs["role"] == "img" and attrs["aria-labelledby"] for attrs in charts)


def test_numbers_are_rounded_for_people_and_whole_for_programs(text: str) -> None:
    assert '<data value="0.5512345678">0.551</data>' in text


def test_every_section_is_filled() -> None:
    built = sections(report_figures())
    assert len(built) == len(SECTIONS) == 19
    assert all(section.blocks for section in built)


def test_decisions_of_people_are_shown(page: Page) -> None:
    assert "needs the approvals of 2 different people" in page.shown["en"]
    assert "서로 다른 2명의 승인이 필요합니다" in page.shown["ko"]
    for text in ("alice, bob", "APPROVALS 1 -> 2", "champion_decisions 1", "oversight_records 3"):
        assert text in page.shown["en"]
        assert text in page.shown["ko"]
    assert "4 overrides were recorded for the 80 applications" in page.shown["en"]
    assert "소득 증빙 확인" in page.shown["ko"]


@pytest.mark.parametrize("name", OF_ROWS)
def test_a_section_without_figures_says_why(name: str) -> None:
    shown = Page(render(report_figures(**{name: Omitted("omitted.rows_changed", "snapshot 7f")}))).shown
    assert "The rows of this evaluation have changed since (snapshot snapshot 7f)" in shown["en"]
    assert "평가 이후 데이터가 변경되어" in shown["ko"]


def test_a_report_without_rows_has_the_recorded_figures() -> None:
    reason = Omitted("omitted.other_portfolio", "c1")
    text = render(report_figures(gates=reason, reproduced=None, **dict.fromkeys(OF_ROWS, reason)))
    assert "0.5512345678" in text
    assert Page(text).shown["en"].count("trained under another description") >= len(OF_ROWS)


@pytest.mark.parametrize("decision", get_args(Decision))
@pytest.mark.parametrize("role", ["candidate", "champion"])
def test_the_verdict_comes_first(decision: str, role: str) -> None:
    figures = report_figures()
    changed: dict[str, Any] = {**vars(figures.evaluation), "verdict": decision, "role": role}
    figures = report_figures(evaluation=type(figures.evaluation)(**changed))
    shown = Page(render(figures)).shown
    for language in ("en", "ko"):
        verdict = verdict_message(figures).text(language)
        assert verdict in shown[language]
        first = shown[language].index(verdict)
        assert first < shown[language].index("0.551")


@pytest.mark.parametrize(
    ("role", "decision", "said"),
    [("candidate", "rejected", 1), ("candidate", "approved", 0), ("champion", "rejected", 0)],
)
def test_a_rejected_challenger_leaves_the_champion(role: str, decision: str, said: int) -> None:
    figures = report_figures()
    changed: dict[str, Any] = {**vars(figures.evaluation), "verdict": decision, "role": role}
    changed["compared_with"] = "c0champion"
    shown = Page(render(report_figures(evaluation=type(figures.evaluation)(**changed)))).shown
    assert shown["en"].count("Champion c0champion keeps serving") == said
    assert shown["ko"].count("챔피언 c0champion 버전이 계속 운영됩니다") == said


@pytest.mark.parametrize(
    ("role", "decision", "fewest", "said"),
    [
        ("candidate", "insufficient_labels", 300, (1, 1)),
        ("champion", "insufficient_labels", 300, (1, 0)),
        ("candidate", "provisional", 300, (1, 0)),
        ("candidate", "approved", 100, (0, 0)),
    ],
)
def test_too_few_labels_are_followed_by_the_next_step(
    role: str, decision: str, fewest: int, said: tuple[int, int]
) -> None:
    figures = report_figures()
    changed: dict[str, Any] = {**vars(figures.evaluation), "verdict": decision, "role": role}
    limits = replace(INPUTS.limits, positive_threshold=fewest)
    gates = promotion_gates(replace(INPUTS, limits=limits), HERE)
    page = report_figures(evaluation=type(figures.evaluation)(**changed), gates=gates)
    shown = Page(render(page)).shown
    for language, step, unserved in (
        ("en", "a verdict requires 1,000 with 300. Add loans", "No application is decided with the model"),
        ("ko", "판정에는 대출 1,000건과 부도 300건이 필요합니다", "이 모형은 심사에 사용되지 않습니다"),
    ):
        assert (shown[language].count(step), shown[language].count(unserved)) == said


@pytest.mark.parametrize(
    ("verdict", "roc_auc_low", "shown", "hidden"),
    [
        ("approved_leakage_not_excluded", 0.996, "leakage is not excluded", "is below the F1 target on"),
        # Recorded before leakage had a word of its own.
        ("approved_below_target", 0.996, "leakage is not excluded", "is below the F1 target on"),
        ("approved_below_target", 0.7, "is below the F1 target on", "leakage is not excluded"),
    ],
)
def test_leakage_of_the_champion_is_not_called_below_the_target(
    verdict: str, roc_auc_low: float, shown: str, hidden: str
) -> None:
    figures = report_figures()
    changed: dict[str, Any] = {**vars(figures.evaluation), "verdict": verdict, "role": "champion"}
    gates = promotion_gates(
        replace(INPUTS, candidate=replace(INPUTS.candidate, roc_auc_low=roc_auc_low)), HERE
    )
    figures = report_figures(evaluation=type(figures.evaluation)(**changed), gates=gates)
    said = Page(render(figures)).shown["en"]
    assert shown in said
    assert hidden not in said
    assert verdict_tone(figures) == ("bad" if "leakage" in shown else "warning")


@pytest.mark.parametrize(
    ("changed", "name", "passed", "decides"),
    [
        # Below the target, only an improvement over the champion is promoted.
        ({"comparison": Comparison(-0.001, 0.09, 0.001, 0.05)}, "f1_better", False, True),
        ({"comparison": Comparison(0.001, 0.09, 0.001, 0.05)}, "f1_better", True, True),
        ({"comparison": None, "champion": None}, "f1_better", None, None),
        ({"candidate": replace(INPUTS.candidate, f1=0.9)}, "f1_better", None, None),
        # Without a champion that scores, few labels make a promotion provisional.
        ({"candidate": replace(INPUTS.candidate, rows=500)}, "rows", False, True),
        (
            {"candidate": replace(INPUTS.candidate, rows=500), "comparison": None, "champion": None},
            "rows",
            False,
            False,
        ),
        (
            {
                "candidate": replace(INPUTS.candidate, positives=50),
                "comparison": None,
                "champion": replace(INPUTS.champion, smoke_passed=False),
            },
            "defaults",
            False,
            False,
        ),
        (
            {
                "candidate": replace(INPUTS.candidate, rows=500),
                "comparison": None,
                "champion": None,
                "limits": PromotionLimits(policy="strict"),
            },
            "rows",
            False,
            True,
        ),
    ],
)
def test_the_rules_lead_to_the_verdict(
    changed: dict[str, Any], name: str, passed: bool | None, decides: bool | None
) -> None:
    found = [gate for gate in promotion_gates(replace(INPUTS, **changed), HERE).gates if gate.name == name]
    assert [(gate.passed, gate.decides) for gate in found] == ([] if passed is None else [(passed, decides)])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"roc_auc_low": 0.996, "attested": True}, "met: the columns that carry it are attested"),
        ({"roc_auc_low": 0.996, "positives": 5}, "met: too few defaults to decide"),
        ({"roc_auc_low": 0.96, "attested": True}, "met"),
        ({"roc_auc_low": 0.996}, "not met"),
    ],
)
def test_a_near_perfect_model_is_met_only_with_its_reason(changed: dict[str, Any], said: str) -> None:
    """A bound above its limit beside a bare "met" would read as an error."""
    gates = promotion_gates(replace(INPUTS, candidate=replace(INPUTS.candidate, **changed)), HERE)
    shown = Page(render(report_figures(gates=gates))).shown["en"]
    after = shown.partition("No unattested near-perfect discrimination")[2].partition("Matured loans")[0]
    assert said in after
    assert after.count("met") == said.count("met")


@pytest.mark.parametrize(("f1", "shown"), [(0.79996, "0.79996"), (0.8, "0.800"), (0.5123456, "0.512")])
def test_a_measured_value_is_not_shown_as_the_limit_that_it_misses(f1: float, shown: str) -> None:
    gates = promotion_gates(replace(INPUTS, candidate=replace(INPUTS.candidate, f1=f1)), HERE)
    text = Page(render(report_figures(gates=gates))).shown["en"]
    after = text.partition("Rules of the promotion policy")[2].partition("F1 of the default class")[2]
    assert after.startswith(f"{shown}≥\u00a00.8")


def test_weak_segments_have_the_names_of_their_features_and_units() -> None:
    segment = WeakSegment(
        "income", "< 3", 200, Interval(0.2, 0.1, 0.3), 0.1, 0.001, Interval(0.6, 0.5, 0.7), 0.7, 0.2
    )
    found = WeakSegments(
        3, (segment, replace(segment, column="branch"), replace(segment, name="missing")), HERE
    )
    shown = Page(render(report_figures(weak=found))).shown
    after = {"en": "p-value of ROC-AUC", "ko": "ROC-AUC p값"}
    rows = {language: text.rpartition(after[language])[2] for language, text in shown.items()}
    assert "Income" in rows["en"]
    assert "소득" in rows["ko"]
    assert rows["en"].count("< 3 USD") == 1
    assert "branch" in rows["en"]
    assert "missing USD" not in rows["en"]


def test_groups_have_the_names_of_their_features_and_units() -> None:
    figures = report_figures()
    assert not isinstance(figures.groups, Omitted)
    [groups] = figures.groups
    small = replace(groups.groups[0], name="< 3")
    of_income = replace(groups, column="income", role="segment", reference="< 3", groups=(small,))
    shown = Page(render(report_figures(groups=(of_income, groups)))).shown
    assert "income: 소득 (기준 집단: < 3 USD)" in shown["ko"]
    assert "income: Income " in shown["en"]
    assert "(largest group: < 3 USD)" in shown["en"]
    assert shown["en"].count("< 3 USD") == 2
    assert "Protected column sex (largest group: " in shown["en"]


def test_a_version_that_scored_nothing_and_waits_for_its_decision_says_so() -> None:
    oversight = replace(report_figures().oversight, events=(), overrides=(), scored=0, rescorings=0)
    shown = Page(render(report_figures(oversight=oversight))).shown
    assert "no decision on this version was recorded yet" in shown["en"]
    assert "This version has scored no application" in shown["en"]
    assert " 0 applications" not in shown["en"]
    assert "아직 기록되지 않았습니다" in shown["ko"]


def test_times_are_read_to_the_minute_in_utc() -> None:
    shown = Page(render(report_figures())).shown["en"]
    assert "Evaluated 2026-05-02 00:00 UTC" in shown
    assert "T00:00:00" not in shown


def words(page: str, section: str, language: str) -> str:
    """The words of a section in a language."""
    found = re.search(f'<section id="{section}".*?</section>', page, re.DOTALL)
    assert found
    return Page(found.group()).shown[language]


@pytest.mark.parametrize(
    ("language", "title", "unit"),
    [("en", "sex: Age of the applicant", "years"), ("ko", "sex: 신청인 연령", "years")],
)
def test_a_protected_column_has_its_text_and_unit(language: str, title: str, unit: str) -> None:
    figures = report_figures()
    assert not isinstance(figures.groups, Omitted)
    (group,) = figures.groups
    described = Feature("sex", "number", "Age of the applicant", "신청인 연령", unit)
    named = replace(group, described=described, reference="≥ 41")
    shown = words(render(replace(figures, groups=(named,))), "groups", language)
    assert title in shown
    assert f"≥ 41 {unit}" in shown


@pytest.mark.parametrize(("grouped", "tick"), [(True, "20k"), (False, "20000")])
def test_ticks_of_years_and_identifiers_have_no_separators(grouped: bool, tick: str) -> None:
    figures = report_figures()
    assert not isinstance(figures.effects, Omitted)
    shown = figures.effects.dependence[0]
    points = tuple(np.linspace(10_000, 40_000, len(shown.pd)).tolist())
    one = replace(shown, feature=replace(shown.feature, kind="number", grouped=grouped), points=points)
    page = render(replace(figures, effects=replace(figures.effects, dependence=(one,))))
    assert f">{tick}<" in page


@pytest.mark.parametrize(
    ("language", "said"), [("en", "the newest loans of the training"), ("ko", "가장 최근의 대출")]
)
def test_without_dates_no_loans_are_the_newest(language: str, said: str) -> None:
    figures = report_figures()
    assert not isinstance(figures.drift, Omitted)
    undated = replace(
        figures.drift,
        periods=(),
        features=tuple(replace(one, periods=()) for one in figures.drift.features),
    )
    assert said in words(render(figures), "drift", language)
    assert said not in words(render(replace(figures, drift=undated)), "drift", language)
