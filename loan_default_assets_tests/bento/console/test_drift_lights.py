from bento.console.drift_lights import MOST_LIGHTS, shown_lights
from loan_default_assets.warehouse.drift_log import StoredPsi
from loan_default_assets_tests.bento.console.overview_samples import drift


def test_the_worst_light_comes_first_and_the_score_is_among_them() -> None:
    state = drift(
        StoredPsi("stable", 0.09, 0.1, "green"),
        StoredPsi("moved", 0.2, 0.1, "amber"),
        StoredPsi("gone", 0.5, 0.1, "red"),
        StoredPsi("farther", 0.7, 0.1, "red"),
    )
    assert [each.name for each in shown_lights(state)] == ["farther", "gone", "moved", "stable", "pd"]


def test_there_are_few_of_them() -> None:
    state = drift(*(StoredPsi(f"feature{n}", 0.3 + n / 100, 0.1, "red") for n in range(30)))
    shown = shown_lights(state)
    assert len(shown) == MOST_LIGHTS
    assert shown[0].name == "feature29"
