"""Which indices of drift the console shows, and how it names them."""

import pytest

from bento.console.drift_lights import MOST_LIGHTS, shown_lights
from bento.console.page_texts import Language, Texts
from loan_default_assets.warehouse.drift_log import DriftState, StoredPsi
from loan_default_assets_tests.bento.console.overview_samples import drift
from loan_default_assets_tests.bento.small_portfolio import portfolio


def shown(state: DriftState, language: Language = "en") -> list[tuple[str, str, str]]:
    found = shown_lights(state, portfolio(), Texts(language))
    return [(each.title, each.column, each.index.name) for each in found]


def test_the_worst_light_comes_first_and_the_score_is_among_them() -> None:
    state = drift(
        StoredPsi("stable", 0.09, 0.1, "green"),
        StoredPsi("moved", 0.2, 0.1, "amber"),
        StoredPsi("gone", 0.5, 0.1, "red"),
        StoredPsi("farther", 0.7, 0.1, "red"),
    )
    assert [name for *_, name in shown(state)] == ["farther", "gone", "moved", "stable", "pd"]


def test_there_are_few_of_them() -> None:
    state = drift(*(StoredPsi(f"feature{n}", 0.3 + n / 100, 0.1, "red") for n in range(30)))
    assert len(shown(state)) == MOST_LIGHTS
    assert shown(state)[0] == ("feature29", "", "feature29")


@pytest.mark.parametrize(("language", "income", "score"), [("en", "Income", "Score"), ("ko", "소득", "평점")])
def test_a_feature_has_the_text_of_the_portfolio_and_its_column(
    language: Language, income: str, score: str
) -> None:
    state = drift(StoredPsi("income", 0.5, 0.1, "red"), StoredPsi("children", 0.2, 0.1, "amber"))
    assert shown(state, language) == [
        (income, "income", "income"),
        # A column without a text.
        ("children", "", "children"),
        (score, "", "pd"),
    ]
