"""The quality benchmark end to end on a small file, its cache, and its figures."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from loan_default_assets.model.calibration import best_f1_threshold
from loan_default_assets.model.metrics import PairedDifferences
from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.benchmarks import quality
from loan_default_assets_tests.benchmarks.quality_cache import FitJob, code_digest, source_digest
from loan_default_assets_tests.benchmarks.quality_comparison import chosen, ensemble, measured, measures
from loan_default_assets_tests.benchmarks.quality_jobs import run_all
from loan_default_assets_tests.benchmarks.quality_report import SetReport, mean_ranks, report
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_scores import Fit, FitCost, FittedScores, read_fit, save_fit
from loan_default_assets_tests.benchmarks.quality_sets import STRATIFIED, read_set

FOLDER = Path(os.environ.get("LOAN_DATA_DIR", Path(__file__).parents[3] / "shared" / "data"))
PORTFOLIO = """
name: small_file
source: {kind: csv, path: "${LOAN_SOURCE}"}
label: {column: target, positive: 1, negative: 0}
columns:
  amount: {kind: number}
  debt: {kind: number, nullable: true}
  region: {kind: category, values: [a, b, c]}
"""
TINY = (
    "tiny=d_model:8,nhead:2,num_layers:1,boosting_rounds:40,boosting_folds:2,pretrain_epochs:1,max_epochs:1,"
    "min_steps:5,device:cpu"
)


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A benchmark of a small file: two references, one small transformer, one seed."""
    rng = np.random.default_rng(0)
    amount, debt, region = rng.normal(size=500), rng.normal(size=500), rng.integers(0, 3, 500)
    target = amount + debt + (region == 2) + rng.logistic(size=500) > 1
    lines = [
        f"{a:.3f},{'' if d > 2 else f'{d:.3f}'},{'abc'[r]},{t:d}"
        for a, d, r, t in zip(amount, debt, region, target, strict=True)
    ]
    (tmp_path / "loans.csv").write_text("\n".join(["amount,debt,region,target", *lines]), "utf-8")
    (tmp_path / "portfolio.yaml").write_text(PORTFOLIO, "utf-8")
    return [
        *("--portfolio", str(tmp_path / "portfolio.yaml"), "--source", str(tmp_path / "loans.csv")),
        *("--references", "logistic,histgb", "--config", TINY, "--seeds", "0"),
        *("--cache", str(tmp_path / "cache"), "--write", str(tmp_path / "quality.md"), "--processes", "2"),
    ]


def test_a_second_run_fits_nothing_and_writes_the_same_report(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quality.main(command)
    assert "3 fits, 0 of them stored" in capsys.readouterr().err
    page = (tmp_path / "quality.md").read_text("utf-8")
    stored = sorted((tmp_path / "cache").rglob("*.json"))
    changed = [path.stat().st_mtime_ns for path in stored]

    quality.main(command)
    assert "3 fits, 3 of them stored" in capsys.readouterr().err
    assert (tmp_path / "quality.md").read_text("utf-8") == page
    assert [path.stat().st_mtime_ns for path in stored] == changed

    # One epoch of five steps cannot win against logistic regression on loans that it generated.
    losses = page.split("## Losses")[1].split("## small_file")[0]
    assert "| small_file | `tiny` |" in losses
    assert "64/16/20 by a hash of the loan id" in page
    assert "| `logistic` | Logistic regression on standardised numbers" in page
    assert "| `tiny` | preset `default`, d_model 8, nhead 2," in page
    assert str(tmp_path) not in page
    for path in (tmp_path / "cache" / "fits").glob("*.json"):
        cost = json.loads(path.read_text("utf-8"))
        assert cost["training_seconds"] > 0
        assert 20 < cost["peak_megabytes"] < 2_000


def test_a_fit_that_fails_is_named_and_the_others_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_set("small").save(tmp_path / "small-0.npz")
    missing, present = (
        FitJob(tmp_path / f"{name}-0.npz", "", "logistic", 0, tmp_path, code_digest("logistic"))
        for name in ("absent", "small")
    )
    assert run_all([missing, present, present], processes=1) == 1
    printed = capsys.readouterr().err
    assert "2 fits, 0 of them stored" in printed
    assert "absent, logistic, seed 0: exit code 1" in printed
    assert "No such file or directory" in printed
    assert read_fit(missing.path) is None
    assert read_fit(present.path) is not None


def test_no_report_is_written_when_a_fit_failed(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "run_all", lambda jobs, processes: 1)
    with pytest.raises(SystemExit, match="1 fits failed"):
        quality.main(command)
    assert not (tmp_path / "quality.md").exists()


def test_a_fit_of_other_source_than_planned_is_not_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_set("small").save(tmp_path / "small-0.npz")
    job = FitJob(tmp_path / "small-0.npz", "", "logistic", 0, tmp_path, "another")
    assert run_all([job], processes=1) == 1
    assert "the source of logistic changed" in capsys.readouterr().err
    assert read_fit(job.path) is None


@pytest.mark.parametrize("changed", ["inner", "outer"])
def test_the_source_digest_follows_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    package = f"digested_{changed}"
    folder = tmp_path / package
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("loan_default_assets_tests.benchmarks.quality_cache.PACKAGES", (package,))
    (folder / "__init__.py").write_text("")
    (folder / "outer.py").write_text(f"def f():\n    from {package}.inner import g\n    return g\n")
    (folder / "inner.py").write_text("g = 1\n")
    (folder / "unrelated.py").write_text("h = 1\n")
    before = source_digest(f"{package}.outer")
    (folder / "unrelated.py").write_text("h = 2\n")
    assert source_digest(f"{package}.outer") == before
    with (folder / f"{changed}.py").open("a") as file:
        file.write("k = 2\n")
    assert source_digest(f"{package}.outer") != before


def fit_of(seed: int, labels: tuple[np.ndarray, np.ndarray], strength: float = 1.0) -> Fit:
    """A fit whose scores are the labels with noise."""
    rng = np.random.default_rng(seed)
    validation, window = (
        1 / (1 + np.exp(-(strength * (2 * label - 1) + rng.normal(size=len(label))))) for label in labels
    )
    return Fit(
        FittedScores(validation, window, best_f1_threshold(labels[0], validation)), FitCost(2.0, 100.0 + seed)
    )


LABELS = (np.arange(400) % 4 == 0).astype(np.int8), (np.arange(600) % 3 == 0).astype(np.int8)


def test_a_fit_is_read_as_it_was_stored(tmp_path: Path) -> None:
    fit = fit_of(0, LABELS)
    assert read_fit(tmp_path / "a-1.5") is None
    save_fit(fit, tmp_path / "a")
    found = read_fit(tmp_path / "a")
    assert found is not None
    assert found.cost == fit.cost
    assert found.scores.threshold == fit.scores.threshold
    assert found.scores.window.tolist() == fit.scores.window.tolist()
    assert found.scores.validation.tolist() == fit.scores.validation.tolist()
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npy"}


def test_measures_are_those_of_scikit_learn() -> None:
    fit = fit_of(0, LABELS)
    found = measures(LABELS[1], fit.scores.window, fit.scores.threshold)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(LABELS[1], fit.scores.window))
    assert found["log_loss"] == pytest.approx(log_loss(LABELS[1], fit.scores.window))


def test_an_ensemble_of_seeds_is_better_than_a_seed_and_costs_them_all() -> None:
    fits = [fit_of(seed, LABELS) for seed in range(3)]
    both = ensemble([fits], LABELS[0])
    single = measured(fits, *LABELS).window["roc_auc"]
    assert measured([both], *LABELS).window["roc_auc"][0] > single.max()
    assert both.cost == FitCost(6.0, 102.0)
    # Averaged logits are too timid; the calibration on the validation rows makes up for it.
    logits = np.mean([np.log(f.scores.window / (1 - f.scores.window)) for f in fits], axis=0)
    plain = measures(LABELS[1], 1 / (1 + np.exp(-logits)), 0.5)
    assert measures(LABELS[1], both.scores.window, 0.5)["log_loss"] < plain["log_loss"]


def test_the_choice_is_made_on_the_validation_rows() -> None:
    noise = fit_of(1, LABELS, strength=0.0)
    good, bad = fit_of(0, LABELS).scores, noise.scores
    on_validation = Fit(FittedScores(good.validation, bad.window, 0.5), FitCost(2.0, 100.0))
    on_window = Fit(FittedScores(bad.validation, good.window, 0.5), FitCost(3.0, 200.0))
    candidates = {"a": measured([on_window], *LABELS), "b": measured([on_validation], *LABELS)}
    found = chosen(candidates)
    assert found.window == candidates["b"].window
    assert found.cost == FitCost(5.0, 200.0)


def small_set(name: str, bayes: float | None = None) -> QualitySet:
    """A set whose rows have no meaning."""
    parts = [Rows(np.zeros((len(y), 2), np.float32), np.zeros((len(y), 0), np.int16), y) for y in LABELS]
    empty = Rows(np.zeros((0, 2), np.float32), np.zeros((0, 0), np.int16))
    return QualitySet(name, "at random", parts[0], *parts, empty, (), bayes)


def test_the_report_shows_ranks_losses_and_the_best_possible() -> None:
    strong, weak = (measured([fit_of(1, LABELS, s)], *LABELS) for s in (2.0, 0.5))
    loss = PairedDifferences(-0.02, -0.01, -0.03, 0.0, -0.02, 0.005)
    gain = PairedDifferences(0.02, 0.01, 0.0, 0.03, 0.0, 0.02)
    sets = [
        SetReport(small_set("lost"), {"histgb": strong, "ours": weak}, "histgb", {"ours": loss}),
        SetReport(small_set("won", 0.9123), {"histgb": weak, "ours": strong}, "histgb", {"ours": gain}),
    ]
    assert mean_ranks(sets[:1], ["histgb", "ours"], "roc_auc").tolist() == [1, 2]
    assert mean_ranks(sets[:1], ["histgb", "ours"], "brier").tolist() == [1, 2]
    assert mean_ranks(sets, ["histgb", "ours"], "roc_auc").tolist() == [1.5, 1.5]
    page = report(sets, {"ours": "a model"}, ["histgb"], [0], "the command", "Another program ran.")
    assert "interpreter and libraries included. Another program ran.\n" in page
    losses = page.split("## Losses")[1].split("## lost")[0]
    assert (
        "| lost | `ours` | `histgb` | -0.0100 (-0.0200 to +0.0050) | -0.0200 (-0.0300 to +0.0000) |" in losses
    )
    assert "| won |" not in losses
    assert "**0.9123**" in page.split("## won")[1]


def test_a_set_is_read_as_it_was_stored(tmp_path: Path) -> None:
    data = read_set("noisy_ratios", None)
    data.save(tmp_path / "set.npz")
    found = QualitySet.read(tmp_path / "set.npz")
    assert (found.digest, found.bayes_auc, found.split) == (data.digest, data.bayes_auc, data.split)
    assert found.cardinalities == data.cardinalities


@pytest.mark.parametrize(
    ("name", "rows", "defaults", "described"),
    [
        ("taiwan_credit", (19_200, 4_800, 6_000), 1_327, STRATIFIED),
        ("south_german_credit", (640, 160, 200), 60, STRATIFIED),
        ("polish_bankruptcy", (4_496, 1_125, 1_406), 54, STRATIFIED),
        (
            "sba_loans",
            (14_223, 3_535, 4_550),
            1_312,
            "by time, validation from 2004-10-27, window from 2004-12-17",
        ),
    ],
)
def test_a_public_file_is_split_as_its_published_marks_are(
    name: str, rows: tuple[int, int, int], defaults: int, described: str
) -> None:
    if not FOLDER.exists():
        pytest.skip(f"{FOLDER} does not exist")
    data = read_set(name, FOLDER)
    assert (len(data.train), len(data.validation), len(data.window)) == rows
    assert int(data.window.outcome().sum()) == defaults
    assert data.split == described


def test_an_unknown_set_is_refused_with_the_names() -> None:
    with pytest.raises(ValueError, match=r"must be one of taiwan_credit, .*noisy_ratios, got 'taiwan'"):
        read_set("taiwan", None)
