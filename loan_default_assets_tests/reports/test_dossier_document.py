"""The dossier without a database: every item has facts or is on the first page, in both languages, as texts only."""

import re
from dataclasses import replace
from typing import get_args

import pytest

from loan_default_assets.portfolio.documentation import Topic
from loan_default_assets.reports.figures.dossier_facts import DossierFacts, RecordedFact, facts_of, file, row
from loan_default_assets.reports.rendering.dossier_document import Dossier, dossier_document, shown
from loan_default_assets.reports.rendering.dossier_markdown import markdown
from loan_default_assets.reports.rendering.dossier_page import dossier_page
from loan_default_assets.reports.rendering.dossier_template import dossier_template

SCRIPT = '<script>alert("x")</script> | `a` [b](javascript:c)'
TEMPLATE = dossier_template()
ITEMS = [item for document in TEMPLATE.documents for item in document.items]


def facts(*empty: str) -> DossierFacts:
    """A fact in every group, and every statement of the portfolio file, without those of `empty`."""
    groups = {
        name: (RecordedFact("one", f"value of {name}", row("model_metadata", version="c1").at(name)),)
        for name in TEMPLATE.groups
    }
    source = file("bank.yaml", "ab" * 32).at("documentation")
    groups["documentation"] = tuple(
        RecordedFact(topic, f"statement on {topic}", source.at(topic))
        for topic in get_args(Topic)
        if f"documentation.{topic}" not in empty
    )
    groups |= dict.fromkeys((name for name in empty if name in groups), ())
    return DossierFacts(f"Bank {SCRIPT}", "c123456789abc", groups)


def first_page(dossier: Dossier) -> tuple[set[str], set[str]]:
    """Titles of the items on the first page of the HTML file and of the Markdown file."""
    page = dossier_page(dossier).split('<section id="not_recorded"')[1].split("</section>")[0]
    text = markdown(dossier).split("## Not recorded")[1].split("\n## ")[0]
    identifiers = set(re.findall(r'<tr id="(\w+)-open">', page))
    listed = {item.id for item in ITEMS if f"| {item.title.text('en')}<br>" in text.replace("\\", "")}
    return identifiers, listed


def test_an_item_without_facts_is_on_the_first_page_and_no_other() -> None:
    dossier = dossier_document(facts())
    without = {item.id for item in ITEMS if not item.facts}
    assert without
    assert {each.item.id for _, items in dossier.not_recorded for each in items} == without
    assert first_page(dossier) == (without, without)
    assert dossier.counts == (len(without), len(ITEMS))


@pytest.mark.parametrize(
    ("empty", "moved"),
    [
        (("documentation.owner",), {"us_owner", "kr_roles"}),
        (("volume",), {"eu_forms"}),
        (("evaluations", "live", "f1_estimates"), {"us_monitoring"}),
        (("evaluations", "live", "f1_estimates", "drift_checks"), {"eu_monitoring", "us_monitoring"}),
        # Another group still answers the items that ask for the threshold.
        (("threshold",), set()),
    ],
)
def test_a_missing_fact_moves_its_items_to_the_first_page(empty: tuple[str, ...], moved: set[str]) -> None:
    always = {item.id for item in ITEMS if not item.facts}
    identifiers, listed = first_page(dossier_document(facts(*empty)))
    assert identifiers == always | moved
    assert listed == always | moved


def test_a_part_that_is_not_recorded_is_named_beside_the_item() -> None:
    dossier = dossier_document(facts("live"))
    line = next(line for line in markdown(dossier).splitlines() if "Performance in operation" in line)
    assert "[Evaluations over time<br>평가 이력](#evaluations)" in line
    assert "Live performance<br>실운영 성능: not recorded<br>기록 없음" in line


def test_drift_and_expected_f1_that_are_not_recorded_are_named_beside_the_monitoring() -> None:
    text = markdown(dossier_document(facts("drift_checks", "f1_estimates"))).splitlines()
    for title in ("Performance in operation", "Monitoring in operation"):
        line = next(line for line in text if title in line)
        assert line.count("not recorded<br>기록 없음") == 2, line
    stability = next(line for line in text if "stability of inputs and score" in line)
    assert stability.count("not recorded<br>기록 없음") == 1


def test_the_first_page_comes_first_and_says_where_a_fact_belongs() -> None:
    dossier = dossier_document(facts("documentation.owner", "volume"))
    for text in (markdown(dossier), dossier_page(dossier)):
        assert text.index("Not recorded") < min(
            text.index(each.about.text("en")[:20]) for each in TEMPLATE.documents
        )
        assert "documentation.owner" in text.replace("\\", "")
        assert "In no table and no file of the platform" in text
    assert "main > section:first-child { break-after: page; }" in dossier_page(dossier)


def test_every_statement_stands_with_its_value_and_source() -> None:
    dossier = dossier_document(facts())
    page, text = dossier_page(dossier), markdown(dossier).replace("\\", "")
    for group in dossier.facts.groups.values():
        for fact in group:
            assert f"<td>{shown(fact.value)}</td><td><code>{fact.source}</code></td>" in page
            assert f"| `{fact.name}` | {shown(fact.value)} | `{fact.source}` |" in text


def test_every_link_leads_to_a_group() -> None:
    page = dossier_page(dossier_document(facts("live")))
    targets = set(re.findall(r'href="#(\w+)"', page))
    assert targets <= set(re.findall(r'id="(\w+)"', page))
    text = markdown(dossier_document(facts("live")))
    assert set(re.findall(r"\]\(#(\w+)\)", text)) == set(re.findall(r'<a id="(\w+)">', text)) & targets


def test_equal_facts_give_equal_files() -> None:
    one, other = dossier_document(facts()), dossier_document(facts())
    assert (markdown(one), dossier_page(one)) == (markdown(other), dossier_page(other))


def test_recorded_texts_are_texts() -> None:
    recorded = facts()
    recorded = replace(
        recorded,
        groups={
            **recorded.groups,
            "identity": (RecordedFact("reason", SCRIPT, row("model_metadata", version="c1")),),
        },
    )
    dossier = dossier_document(recorded)
    assert "<script" not in dossier_page(dossier)
    text = markdown(dossier)
    assert re.search(r"(?<!\\)<script|(?<!\\)\]\(javascript", text) is None
    [line] = [line for line in text.splitlines() if line.startswith("| `reason`")]
    assert len(re.findall(r"(?<!\\)\|", line)) == 4


def test_the_template_is_complete() -> None:
    identifiers = [item.id for item in ITEMS]
    assert len(set(identifiers)) == len(identifiers)
    asked = {name.partition(".")[0] for item in ITEMS for name in item.facts}
    assert asked == set(TEMPLATE.groups)
    statements = {name.partition(".")[2] for item in ITEMS for name in item.facts if "." in name}
    assert statements == set(get_args(Topic))
    titles = [item.title for item in ITEMS] + list(TEMPLATE.groups.values())
    titles += [text for each in TEMPLATE.documents for text in (each.title, each.about)]
    assert [text.text("en") for text in titles if not re.search("[가-힣]", text.text("ko"))] == []
    assert [text.text("en") for text in titles if re.search("[가-힣]", text.text("en"))] == []


def test_points_are_given_for_annex_iv_alone() -> None:
    numbered = {document.id: {bool(item.point) for item in document.items} for document in TEMPLATE.documents}
    assert numbered == {"eu": {True}, "us": {False}, "kr": {False}}
    # A column for them is in the two tables of that document.
    dossier = dossier_document(facts())
    assert markdown(dossier).count("| Point<br>") == 2
    assert dossier_page(dossier).count(">Point<") == 2


def test_a_group_that_was_not_collected_is_an_error() -> None:
    with pytest.raises(KeyError, match="live"):
        dossier_document(DossierFacts("Bank", "c1", {k: v for k, v in facts().groups.items() if k != "live"}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a": None, "b": "", "c": float("nan"), "d": {}, "e": []}, {}),
        ({"a": {"b": [{"c": 1}, {"c": 2}]}}, {"a.b.0.c": 1, "a.b.1.c": 2}),
        ({"a": [0.25, 0.75], "b": [1, 2]}, {"a": (0.25, 0.75), "b.0": 1, "b.1": 2}),
        ({"a": [float("nan"), 0.5], "b": False, "c": 0}, {"b": False, "c": 0}),
    ],
)
def test_values_that_are_not_recorded_make_no_facts(
    values: dict[str, object], expected: dict[str, object]
) -> None:
    found = facts_of(row("model_performance", id=3), values)
    assert {fact.name: fact.value for fact in found} == expected
    assert all(str(fact.source) == f"model_performance[id=3].{fact.name}" for fact in found)
