"""Planted faults of replays of an earlier data cutoff."""

from loan_default_assets_tests.mutants.mutant import PIPELINE, WAREHOUSE, Mutant, mutant

TESTS = "pipeline/test_replayed_evaluation.py"

REPLAY_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "a replay is not the newest evaluation of a model",
        f"{WAREHOUSE}/evaluations.py",
        "f\"SELECT {', '.join(_COLUMNS)} FROM counted_evaluations \"",
        "f\"SELECT {', '.join(_COLUMNS)} FROM model_performance \"",
        TESTS,
    ),
    mutant(
        "the retraining rule does not go by a replay",
        "sql/018_replays.sql",
        "FROM counted_evaluations",
        "FROM model_performance",
        TESTS,
    ),
    mutant(
        "a model that was only replayed is shown with that",
        "sql/018_replays.sql",
        "OR NOT EXISTS (",
        "OR FALSE AND NOT EXISTS (",
        TESTS,
    ),
    mutant(
        "an evaluation with less than what is known says so",
        f"{PIPELINE}/evaluate_models.py",
        "return stored.digest(limits.max_rows) != snapshot.digest",
        "return False",
        TESTS,
    ),
    mutant(
        "a report is on the newest evaluation that counts",
        f"{WAREHOUSE}/evaluations.py",
        "return next((each for each in reversed(history) if not each.replayed), history[-1])",
        "return history[-1]",
        TESTS,
    ),
)
