"""The pretraining benchmark end to end on generated loans, its conditions, and its figures."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp

from loan_default_assets.model.config import ModelConfig
from loan_default_assets_tests.benchmarks import pretraining
from loan_default_assets_tests.benchmarks.pretraining_conditions import Condition
from loan_default_assets_tests.benchmarks.pretraining_report import (
    MeasuredCondition,
    interval,
    pretraining_report,
)
from loan_default_assets_tests.benchmarks.quality_cache import FitJob
from loan_default_assets_tests.benchmarks.quality_comparison import MEASURES, Measured
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_scores import Fit, FitCost, FittedScores, save_fit

TINY = "d_model:8,nhead:2,num_layers:1,dim_feedforward:8,max_epochs:1,min_steps:1,teacher:0.0,device:cpu"


def numbers(data: QualitySet, part: str) -> set[bytes]:
    return {row.tobytes() for row in getattr(data, part).numerical}


@pytest.mark.parametrize("seed", [0, 1])
def test_every_training_row_is_labelled_or_unlabelled(seed: int) -> None:
    condition = Condition.parse("near_duplicates:10")
    data = condition.read(None)
    drawn = condition.drawn(data, seed)
    assert len(drawn.train) == len(data.train) // 10
    assert len(drawn.unlabelled) == len(data.train) - len(drawn.train)
    assert drawn.unlabelled.label is None
    assert numbers(drawn, "train") | numbers(drawn, "unlabelled") == numbers(data, "train")
    assert abs(drawn.train.outcome().mean() - data.train.outcome().mean()) < 0.01
    for part in ("validation", "window"):
        assert getattr(drawn, part) is getattr(data, part)
    assert numbers(condition.drawn(data, seed), "train") == numbers(drawn, "train")
    assert numbers(condition.drawn(data, seed + 1), "train") != numbers(drawn, "train")


def test_more_unlabelled_rows_are_new_rows() -> None:
    condition = Condition.parse("heavy_tails:100:2")
    data = condition.read(None)
    drawn = condition.drawn(data, 0)
    assert len(drawn.unlabelled) == 2 * len(drawn.train)
    for part in ("train", "validation", "window"):
        assert not numbers(drawn, "unlabelled") & numbers(drawn, part)
    for one, other in zip(drawn.train.numerical.T, drawn.unlabelled.numerical.T, strict=True):
        # At this distance two samples of one distribution are told apart with a probability of 1e-6.
        assert ks_2samp(one, other, nan_policy="omit").pvalue > 1e-6


@pytest.mark.parametrize(
    ("values", "mean", "low", "high"),
    [([0.01, 0.03], 0.02, -0.1071, 0.1471), ([0.02] * 5, 0.02, 0.02, 0.02), ([0.1], 0.1, -np.inf, np.inf)],
)
def test_the_interval_is_that_of_student(values: list[float], mean: float, low: float, high: float) -> None:
    assert interval(np.array(values)) == pytest.approx((mean, low, high), abs=1e-4)


def of_gains(**gains: list[float]) -> MeasuredCondition:
    """A condition under which the variants gain this much, seed by seed."""

    def variant(values: np.ndarray) -> Measured:
        measures = dict.fromkeys(MEASURES, values)
        return Measured((Fit(FittedScores(values, values, 0.5), FitCost(1.0, 1.0)),), measures, measures)

    random = np.array([0.7, 0.8])
    variants = {name: variant(random + np.array(gain)) for name, gain in gains.items()}
    condition = Condition("heavy_tails", 100)
    return MeasuredCondition(condition, condition.read(None), (0, 1), {"random": variant(random), **variants})


def test_a_gain_is_the_difference_of_the_same_seed() -> None:
    found = of_gains(pretrained=[0.01, -0.01])
    np.testing.assert_allclose(found.gains("window")["pretrained"], [0.01, -0.01])
    assert list(found.gains("window")) == ["pretrained"]


def test_a_gain_over_the_default_is_the_difference_to_the_second_variant() -> None:
    found = of_gains(default=[0.01, -0.01], other=[0.03, 0.0])
    assert list(found.gains("validation", 1)) == ["other"]
    np.testing.assert_allclose(found.gains("validation", 1)["other"], [0.02, 0.01])


def test_the_page_says_what_is_shown_and_what_is_not() -> None:
    found = of_gains(default=[0.01, -0.01], up=[0.03, 0.011], down=[-0.01, -0.031], unsure=[0.04, -0.04])
    names = ["random", "default", "up", "down", "unsure"]
    page = pretraining_report(
        [found], {name: {} for name in names}, ModelConfig(), "the command", note="A note."
    )
    title = "heavy_tails, 4,800 labelled and 0 unlabelled rows"
    assert "- default over random: neither a gain nor a loss is shown." in page
    assert f"- up over default: a gain ({title}) is shown." in page
    assert f"- down over default: a loss ({title}) is shown." in page
    assert "- unsure over default: neither a gain nor a loss is shown." in page
    assert "| up | +0.0205 | 0 / 0 | +0.0205 | 0 / 0 |" in page
    assert "| up | +0.0205 | 1 / 0 | +0.0205 | 1 / 0 |" in page
    assert "\n\nA note.\n\n## How to repeat it" in page


def test_the_page_has_every_variant_and_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = dict(list(pretraining.VARIANTS.items())[:2])
    monkeypatch.setattr(pretraining, "VARIANTS", few)
    page = tmp_path / "page.md"
    arguments = [
        *("--conditions", "sharp_thresholds:1", "--seeds", "0", "--config", TINY, "--processes", "2"),
        *("--cache", str(tmp_path / "cache"), "--write", str(page)),
    ]
    pretraining.main(arguments)
    text = page.read_text("utf-8")
    assert "## sharp_thresholds, 48 labelled and 4,752 unlabelled rows" in text
    section = text.split("## sharp_thresholds")[1]
    assert all(f"| {name} | 0." in section for name in few)
    assert "| random weights | `pretrain_epochs: 0` |" in text
    not_run = text.split("were not run for this page: ")[1].splitlines()[0]
    assert "informative_missing with 1 % of the labels; " in not_run
    assert "sharp_thresholds with 1 %" not in not_run
    assert str(tmp_path) not in text


def test_only_seeds_of_which_every_variant_is_stored_are_reported(tmp_path: Path) -> None:
    condition = Condition("heavy_tails", 1)
    data = condition.read(None)
    validation, window = np.linspace(0.1, 0.9, len(data.validation)), np.linspace(0.1, 0.9, len(data.window))
    jobs = {
        name: [FitJob(tmp_path / "set-0.npz", "", name, seed, tmp_path, "") for seed in range(3)]
        for name in ("random", "pretrained")
    }
    for job in (*jobs["random"], *jobs["pretrained"][::2]):
        save_fit(Fit(FittedScores(validation, window, 0.5), FitCost(1.0, 1.0)), job.path)
    found = pretraining.measured_condition(condition, data, jobs)
    assert found.seeds == (0, 2)
    assert found.gains("validation")["pretrained"].tolist() == [0, 0]
