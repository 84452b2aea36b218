"""Every public function and class of `model/` shows an example, which pytest runs as a doctest."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import loan_default_assets.model as package

# Read from disk in `save`'s example, run as a command, called by `training.fit`, or what a caller must provide.
WITHOUT_EXAMPLE = {
    "artifact.load",
    "artifact_files.read",
    "additive_model.weighted_sum",
    "boosted_trees.weighted_sum",
    "artifact_protocols.ArtifactOrigin",
    "artifact_protocols.RegisteredModel",
    "artifact_protocols.SignatureCheck",
    "fine_tuning.StartingWeights",
    "fine_tuning.blockwise",
    "fine_tuning.fine_tune",
    "labelled_rows.LabelledRows",
    "member_processes.fit_members",
    "smoke.smoke",
    "stacking.stacked_logits",
}
# Results of functions whose examples show them, and what an explanation consists of.
RESULTS = {
    "additive_fitting.FittedAdditive",
    "artifact.LoadedArtifact",
    "artifact.SavedArtifact",
    "artifact_store.ArtifactCheck",
    "baseline.BaselineScores",
    "boosting.FittedBoosting",
    "decision_explanation.CategoryShare",
    "decision_explanation.CorrectedDecision",
    "decision_explanation.DecisionChange",
    "decision_explanation.DecisionExplanation",
    "decision_explanation.DecisionGrade",
    "decision_explanation.ManualDecision",
    "decision_explanation.ModelVerdict",
    "decision_explanation.ModelWarning",
    "decision_explanation.ScoredValue",
    "decision_explanation.ValueChange",
    "expected_f1.ExpectedF1",
    "feature_evidence.TellingShare",
    "fine_tuning.FittedMember",
    "leakage.LeakageAssessment",
    "leakage.LeakageEvidence",
    "leakage_evidence.UnivariateEvidence",
    "leakage_pairs.PairEvidence",
    "metrics.Metrics",
    "metrics.PairedDifferences",
    "predictor.ScoredRows",
    "score_comparison.ScoreComparison",
    "splits.Split",
    "stacking.Stack",
    "symmetric_trees.HeldOut",
    "symmetric_trees.SymmetricTrees",
    "training.Encoder",
    "training.FittedModel",
}


def modules() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{module.name}")


def public(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Name and docstrings of each public function and class; those of a class include its public methods'."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        title = f"{module.__name__.rpartition('.')[2]}.{name}"
        if inspect.isclass(thing) and not issubclass(thing, Exception):
            methods = [method for key, method in vars(thing).items() if not key.startswith("_")]
            yield title, "\n".join(inspect.getdoc(part) or "" for part in (thing, *methods))
        elif inspect.isfunction(thing):
            yield title, inspect.getdoc(thing) or ""


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__.rpartition(".")[2])
def test_public_functions_and_classes_show_an_example(module: ModuleType) -> None:
    missing = [title for title, text in public(module) if ">>>" not in text]
    assert sorted(missing) == sorted({*missing} & (WITHOUT_EXAMPLE | RESULTS))


def test_the_exceptions_exist() -> None:
    titles = {title for module in modules() for title, _ in public(module)}
    assert titles >= WITHOUT_EXAMPLE | RESULTS
