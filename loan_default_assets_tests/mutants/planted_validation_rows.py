"""Planted faults of a classifier that is fitted on validation rows and measured by what was not."""

from loan_default_assets_tests.mutants.mutant import MODEL, PIPELINE, Mutant, mutant

SAMPLE = "pipeline/test_development_sample.py"

VALIDATION_ROWS_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "a transformer is not fitted on the validation rows that it holds out",
        f"{MODEL}/labelled_rows.py",
        "kept[self.training + self.held_out(member)] = False",
        "pass",
        "model/test_labelled_rows.py",
    ),
    mutant(
        "a row is held out by the same transformer in every training",
        f"{MODEL}/labelled_rows.py",
        "fold = fold.astype(np.int64) % members",
        "fold = np.arange(len(validation)) % members",
        "model/test_labelled_rows.py",
    ),
    mutant(
        "calibration and threshold take what the stack says of rows that it was not fitted on",
        f"{MODEL}/training.py",
        "        return out_of_fold",
        "        return stack.logits(validation)",
        "model/test_training.py",
    ),
    mutant(
        "the teacher is not fitted on validation rows",
        f"{MODEL}/training.py",
        '"teacher": of_training if config.teacher else None,',
        '"teacher": np.roll(np.arange(len(outcome)), 1)[:training] if config.teacher else None,',
        "model/test_training.py",
    ),
    mutant(
        "validation rows are thinned as a case-control sample of training rows was",
        f"{MODEL}/training.py",
        "more = as_sampled(validation_outcome, prior_odds, config.seed)",
        "more = np.arange(len(validation))",
        "model/test_row_sampling.py",
    ),
    mutant(
        "transformers are fitted on thinned validation rows too",
        f"{MODEL}/labelled_rows.py",
        "kept[self.training :] = self.like_training",
        "pass",
        "model/test_labelled_rows.py",
    ),
    mutant(
        "what was fitted on validation rows is not measured on them",
        f"{PIPELINE}/development_sample.py",
        "found = stored_sample(predictor)",
        "found = None",
        SAMPLE,
    ),
    mutant(
        "the grade of a decision is bounded by scores of what was not fitted on the rows",
        f"{PIPELINE}/recomputed_grades.py",
        "sample = stored_sample(scorer.predictor)",
        "sample = None",
        SAMPLE,
    ),
    mutant(
        "the order of stored scores says nothing of the loans",
        f"{MODEL}/validation_scores.py",
        "order = np.lexsort((self.outcome, self.log_odds))",
        "order = np.arange(len(self.outcome))",
        "model/test_artifact.py",
    ),
    mutant(
        "the threshold of a reference is chosen on rows that it was not fitted on",
        f"{MODEL}/baseline.py",
        "best_f1_threshold(outcome, scores(fitted(train), validation)),",
        "best_f1_threshold(outcome, scores(fitted(both), validation)),",
        "model/test_baseline.py",
    ),
)
