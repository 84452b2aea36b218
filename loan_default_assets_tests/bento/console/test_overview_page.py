"""The first page: every part shown or its absence explained, escaped, in one language, by role."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from bento.access.api_keys import Role
from bento.console.overview_facts import OverviewFacts
from bento.console.overview_page import overview_page
from bento.console.page_rendering import SECURITY_HEADERS, Visitor
from bento.console.page_texts import LANGUAGES, Language, Texts
from loan_default_assets.policy.retraining import Reason
from loan_default_assets.policy.state import Limits
from loan_default_assets.policy.verdict_warnings import VerdictWarning, WarningKind
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.alert_log import ALERT_KINDS, AlertKind, Channel, Failure
from loan_default_assets.warehouse.recent_activity import RegisteredVersion
from loan_default_assets_tests.bento.console.html_document import HtmlDocument
from loan_default_assets_tests.bento.console.overview_samples import (
    FORMER,
    NOW,
    SCRIPT,
    VERSION,
    alert,
    evaluation,
    facts,
    rejected,
    retraining,
    service,
)
from loan_default_assets_tests.bento.small_portfolio import portfolio as small_portfolio

# A hostile title, and the text of a feature that drifts.
TITLED = small_portfolio().model_copy(update={"title": SCRIPT})
OPEN, USER, ADMIN = (Visitor.of(role, signed_in=True) for role in (None, Role.USER, Role.ADMIN))
EMPTY = OverviewFacts(evaluations=(), volumes=(), versions=(), changes=())
DOWN = OverviewFacts(problem=f"PostgreSQL at 127.0.0.1:5432 cannot be reached: {SCRIPT}")


def page_of(
    found: OverviewFacts | None = None,
    state: Any = None,
    visitor: Visitor = OPEN,
    language: Language = "en",
    reported: tuple[str, ...] = (VERSION,),
    portfolio: Portfolio = TITLED,
) -> str:
    return overview_page(
        state or service(),
        found or facts(),
        Limits(),
        reported,
        portfolio=portfolio,
        visitor=visitor,
        language=language,
    ).decode()


CASES = {
    "full": (facts(), service()),
    "empty": (EMPTY, service(champion=None, ready=False, latencies=())),
    "down": (DOWN, service(model_problem="gone", log_problem="full")),
    "slow": (OverviewFacts(versions=facts().versions), service(replicas={"alive": 3, "outdated": 2})),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_runs_and_nothing_is_loaded_from_elsewhere(case: str, language: Language) -> None:
    found, state = CASES[case]
    text = page_of(found, state, language=language)
    page = HtmlDocument(text)
    assert SCRIPT not in text
    assert text.count("&lt;script&gt;") >= (3 if case == "full" else 2)
    assert not page.all("script", "img", "iframe", "object", "style")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not page.values("style")
    assert not [target for target in page.values("href") + page.values("action") if "//" in target]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_to_a_page_carries_the_language_on(language: Language) -> None:
    found = facts(rejected=rejected(version=VERSION))
    page = HtmlDocument(page_of(found, language=language))
    targets = [t for t in page.values("href") if t.startswith(("./", "report", "score", "login"))]
    assert len([target for target in targets if target.startswith("report?version=")]) == 2
    assert all(target.endswith(f"lang={language}") for target in targets)


@pytest.mark.parametrize(("language", "income"), [("en", "Income"), ("ko", "소득")])
def test_drift_names_features_as_the_report_does(language: Language, income: str) -> None:
    shown = section(page_of(language=language), "drift")
    # The column follows its title on a line of its own.
    assert f"{income}income" in shown


@pytest.mark.parametrize(("language", "window"), [("en", "evaluation window"), ("ko", "평가 구간")])
def test_drift_of_loans_without_dates_names_no_partition(language: Language, window: str) -> None:
    undated = TITLED.model_copy(update={"as_of": None})
    shown = section(page_of(language=language, portfolio=undated), "drift")
    assert shown.count(window) == 2
    assert "2026-11-" not in shown
    dated = section(page_of(language=language), "drift")
    assert window not in dated
    assert "2026-11-25" in dated


@pytest.mark.parametrize("case", CASES)
def test_a_page_is_in_one_language(case: str) -> None:
    found, state = CASES[case]
    english, korean = (page_of(found, state, language=language) for language in LANGUAGES)
    assert '<html lang="en">' in english
    assert not re.search("[가-힣]", english.replace("한국어", ""))
    # The policy's recorded words and the database's are marked as English.
    other = re.sub(r'<(blockquote|p) lang="en">.*?</\1>|<svg.*?</svg>', "", korean, flags=re.DOTALL)
    assert not re.findall(r"\b(?:the|and|loans|is|are|of)\b", HtmlDocument(other).text.replace("script", ""))


def test_headings_labels_and_regions_are_complete() -> None:
    page = HtmlDocument(page_of())
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert set(page.values("aria-labelledby")) <= set(ids)
    assert [attributes["aria-label"] for attributes in page.all("svg") if "role" in attributes]
    assert len(page.all("h1")) == 1
    # What scrolls can be scrolled with the keyboard.
    assert all(a.get("tabindex") == "0" for a in page.all("div") if a.get("class") == "wide")
    # The first stop of the keyboard leads past the navigation.
    first = next(attributes for tag, attributes in page.elements if tag == "a")
    assert first == {"class": "skip", "href": "#content"}
    assert {"id": "content", "tabindex": "-1"} in page.all("main")


REPORTS = {"report?lang=en", f"report?version={VERSION}&lang=en"}


@pytest.mark.parametrize(
    ("visitor", "links"),
    [
        (OPEN, {"score?lang=en", *REPORTS}),
        (USER, {"score?lang=en"}),
        (ADMIN, REPORTS),
    ],
)
def test_a_page_offers_what_the_role_allows(visitor: Visitor, links: set[str]) -> None:
    page = HtmlDocument(page_of(visitor=visitor))
    offered = {target for target in page.values("href") if target.startswith(("score", "report"))}
    assert offered == links
    assert ("for administrators" in page.text) == (visitor is USER)


@pytest.mark.parametrize(
    ("found", "state", "shown", "absent"),
    [
        (
            facts(),
            service(),
            [
                "0.812",
                "met",
                "4,321",
                "10.0 %",
                "over 10 s",
                "2026-11-26 09:30 UTC",
                "1,357 loans up to partition 2026-11-25",
                "0.100",
                "2 replica(s), all with the champion",
                "F1 expected",
                "0.765 (95 % interval 0.712 to 0.818)",
            ],
            ["Not measured"],
        ),
        (facts(drift=None), service(), ["Not measured"], ["green"]),
        (
            EMPTY,
            service(champion=None, ready=False),
            ["There is no champion yet", "cannot be scored now"],
            [],
        ),
        (
            DOWN,
            service(),
            ["PostgreSQL cannot be reached", VERSION, "not evaluated"],
            ["No model has been trained"],
        ),
        (CASES["slow"][0], service(), ["did not answer in time"], ["PostgreSQL cannot be reached"]),
        (facts(), service(model_problem="/srv/models"), ["The champion cannot be loaded"], ["/srv/models"]),
        (facts(), service(log_problem="/srv/spool"), ["Predictions cannot be recorded"], ["/srv/spool"]),
        (facts(), service(replicas={"alive": 2, "outdated": 1}), ["1 replica(s) do not serve"], []),
        (facts(evaluations=(evaluation(VERSION, 1, 0.5),)), service(), ["missed"], []),
        (facts(evaluations=(evaluation(VERSION, 1, None),)), service(), ["not evaluated"], []),
    ],
)
def test_every_part_is_shown_or_its_absence_explained(
    found: OverviewFacts, state: Any, shown: list[str], absent: list[str]
) -> None:
    text = " ".join(HtmlDocument(page_of(found, state)).text.split())
    assert [each for each in shown if each not in text] == []
    assert [each for each in absent if each in text] == []


@pytest.mark.parametrize("reason", get_args(Reason))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_decision_of_the_policy_has_its_sentences(reason: Any, language: Language) -> None:
    for f1 in (0.8123, float("nan"), None):
        decided = retraining(reason, f1=f1, ready_at=None if f1 is None else NOW)
        text = HtmlDocument(page_of(facts(retraining=decided), language=language)).text
        assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_window_without_dates_says_so(language: Language) -> None:
    undated = tuple(replace(each, window_from=None, window_to=None) for each in facts().evaluations or ())
    words = Texts(language)("champion.no_dates")
    assert page_of(facts(evaluations=undated), language=language).count(f">{words}<") == 1 + len(undated)
    assert f">{words}<" not in page_of(language=language)


@pytest.mark.parametrize("kind", get_args(WarningKind))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_warning_on_the_champion_is_shown_beside_it_and_is_an_alert_that_lasts(
    language: Language, kind: WarningKind
) -> None:
    warned = RegisteredVersion(
        VERSION, "champion", NOW, NOW, "provisional", 0.99, (VerdictWarning(kind, SCRIPT),)
    )
    plain = replace(warned, warnings=())
    former = replace(warned, version=FORMER, status="retired")
    texts = Texts(language)
    page = page_of(facts(versions=(warned,), alerts=(), changes=()), language=language)
    assert page.count(texts(f"alerts.{kind}", version=VERSION)) == 2
    assert f"</span> {texts(f'versions.{kind}')}</div>" in page
    assert SCRIPT not in page
    page = page_of(facts(versions=(plain, former), alerts=(), changes=()), language=language)
    assert texts(f"alerts.{kind}", version=VERSION) not in page
    assert texts(f"alerts.{kind}", version=FORMER) not in page
    assert f"</span> {texts(f'versions.{kind}')}</div>" in page


@pytest.mark.parametrize(
    ("role", "verdict", "key"),
    [
        ("champion", "approved_below_target", "versions.target_missed"),
        ("champion", "approved", "versions.target_met"),
        ("candidate", "approved_below_target", "versions.verdict_approved_below_target"),
        ("champion", "rejected", "versions.verdict_rejected"),
        (None, "approved", "versions.verdict_approved"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_verdict_on_a_champion_is_no_approval(
    language: Language, role: str | None, verdict: str, key: str
) -> None:
    one = RegisteredVersion(VERSION, "champion", NOW, NOW, verdict, 0.5, (), role)
    assert f"<td>{Texts(language)(key)}</td>" in page_of(facts(versions=(one,)), language=language)


def test_alerts_begin_with_what_lasts_and_go_back_in_time() -> None:
    held = retraining("hold", hold_since=NOW - timedelta(hours=1))
    text = page_of(facts(retraining=held), service(model_problem="gone"))
    rows = re.findall(r"<td class=\"time\">([^<]*)</td><td>.*?</span> ([^<]*)</td>", text)
    assert [(since[11:16], what.partition(" ")[0], what.split()[-1]) for since, what in rows] == [
        ("", "The", "changed."),
        ("09:30", "Version", "champion."),
        ("08:30", "Retraining", "model."),
        ("09:30", "Rolled", "again."),
        ("09:30", "Version", "stayed."),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ALERT_KINDS)
def test_every_sent_alert_says_what_became_of_it(kind: AlertKind, language: Language) -> None:
    outcomes: list[dict[str, Any]] = [
        {},
        *({"failure": failure} for failure in get_args(Failure)),
        *(
            {"failure": "refused", "delivered_at": NOW, "delivered_through": channel}
            for channel in get_args(Channel)
        ),
    ]
    shown = []
    for outcome in outcomes:
        page = page_of(facts(alerts=(alert(kind, 1, **outcome),), changes=()), language=language)
        [delivery] = re.findall(r'<div class="beside">(.*?)</div>', page)
        assert ("✕" in delivery) == ("failure" in outcome and "delivered_at" not in outcome)
        assert ("2026-11-26 09:30 UTC" in delivery) == ("delivered_at" in outcome)
        shown.append(delivery)
    assert len(set(shown)) == len(outcomes)


def test_a_hold_with_an_alert_of_its_own_is_one_line() -> None:
    held = retraining("hold", hold_since=NOW - timedelta(hours=25))
    lines = {
        days: page_of(facts(retraining=held, alerts=(alert("hold", days),)))
        for days in (1, 2)  # after the last attempt, and before it: of an earlier HOLD
    }
    assert ["attempts produced no better model.</td>" in page for page in lines.values()] == [False, True]
    assert all("Retraining went on hold" in page for page in lines.values())


def test_the_policy_of_a_page_allows_nothing_but_its_own_files() -> None:
    rules = dict(
        rule.strip().split(" ", 1) for rule in SECURITY_HEADERS["content-security-policy"].split(";")
    )
    assert rules == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    # With `no-referrer` the browser would send its own forms with the origin `null`.
    assert SECURITY_HEADERS["referrer-policy"] == "same-origin"
    assert SECURITY_HEADERS["cache-control"] == "no-store"


def section(text: str, name: str) -> str:
    """The words of a section of the page."""
    found = re.search(f'<section aria-labelledby="{name}">.*?</section>', text, re.DOTALL)
    return " ".join(HtmlDocument(found.group()).text.split()) if found else ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_rejected_challenger_is_shown_with_the_rules_it_misses(language: Language) -> None:
    shown = section(page_of(reported=("c000000000000",), language=language), "challenger")
    for figure in ("c000000000000", "2026-11-24 09:30 UTC", "0.327", VERSION, "0.925", "1,234", "210"):
        assert figure in shown
    # The rules that exclude the promotion; the missed target alone would be a warning.
    assert re.findall(r"(-?[0-9.]+)([≥>≤]) (-?[0-9.]+)", shown) == [
        ("-0.634", "≥", "-0.010"),
        ("-0.342", "≥", "-0.005"),
        ("-0.634", ">", "0.000"),
    ]
    assert Texts(language)("challenger.rule_df1_low") in shown
    assert Texts(language)("challenger.next", version="c000000000000") in shown
    assert Texts(language)("versions.open_report", version="c000000000000") in shown


@pytest.mark.parametrize("inputs", [None, {"candidate": {}}, rejected().inputs | {"comparison": None}])
def test_a_rejection_without_missed_rules_has_its_recorded_reason(inputs: Any) -> None:
    if inputs and "limits" in inputs:
        inputs = inputs | {"champion": None, "candidate": dict(inputs["candidate"], f1=0.9)}
    found = facts(
        rejected=rejected(inputs=inputs, reason="The parent is no longer champion.", rejected_at=None)
    )
    shown = section(page_of(found), "challenger")
    assert "The parent is no longer champion." in shown
    assert "Rule that is not met" not in shown
    assert "was rejected and is not used" in shown


def test_a_rejected_first_model_leaves_no_champion() -> None:
    shown = section(page_of(state=service(champion=None, ready=False)), "challenger")
    assert "no loan can be scored" in shown
    assert "keeps serving" not in shown


def test_no_challenger_is_shown_where_none_was_rejected() -> None:
    assert section(page_of(facts(rejected=None)), "challenger") == ""


def test_reports_of_a_challenger_are_offered_to_who_may_read_them() -> None:
    for visitor, offered in ((ADMIN, True), (USER, False)):
        text = page_of(visitor=visitor, reported=("c000000000000",))
        assert ("report?version=c000000000000" in text) == offered
