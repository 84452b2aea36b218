"""The table of planted faults: one changed line each, and the tests that must fail with it."""

from dataclasses import dataclass

MODEL = "loan_default_assets/model"
PIPELINE = "loan_default_assets/pipeline"
POLICY = "loan_default_assets/policy"
WAREHOUSE = "loan_default_assets/warehouse"
TESTS = "loan_default_assets_tests"


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        promise: What the line promises.
        path: File of the line.
        line: Text that occurs once in the file.
        fault: What it is replaced by.
        tests: Files of which at least one test must fail.
    """

    promise: str
    path: str
    line: str
    fault: str
    tests: tuple[str, ...]


def _mutant(promise: str, path: str, line: str, fault: str, *tests: str) -> Mutant:
    return Mutant(promise, path, line, fault, tuple(f"{TESTS}/{test}" for test in tests))


PLANTED: tuple[Mutant, ...] = (
    _mutant(
        "a label counts only when it was observed by the cutoff",
        f"{MODEL}/splits.py",
        'known |= label_observed_at.astype("datetime64[D]") <= np.datetime64(cutoff, "D")',
        "known[:] = True",
        "model/test_splits.py",
    ),
    _mutant(
        "the window is later than every training day",
        f"{MODEL}/splits.py",
        "earlier = (days < bounds.window_from) & (part != WINDOW)",
        "earlier = (days <= bounds.window_from) & (part != WINDOW)",
        "model/test_splits.py",
    ),
    _mutant(
        "no loan lies in two parts of the split",
        f"{MODEL}/splits.py",
        "return rest[~validates & (part != VALIDATION)], rest[validates & (part != TRAIN)], window",
        "return rest[~validates], rest[validates], window",
        "model/test_splits.py",
    ),
    _mutant(
        "pretraining does not see the evaluation window",
        f"{PIPELINE}/training_snapshot.py",
        "index = np.concatenate([train, self.split.immature, self.split.unlabelled])",
        "index = np.concatenate([train, self.split.window, self.split.immature, self.split.unlabelled])",
        "pipeline/test_model_steps.py",
    ),
    _mutant(
        "pretraining does not see the labels of immature rows",
        f"{PIPELINE}/training_snapshot.py",
        "label = np.full(len(index), -1, np.int8)",
        "label = self.rows.label[index].astype(np.int8)",
        "pipeline/test_model_steps.py",
    ),
    _mutant(
        "early stopping, calibration and threshold use validation rows, not the window",
        f"{PIPELINE}/train_classifier.py",
        "snapshot.select(snapshot.split.validation),",
        "snapshot.select(snapshot.split.window),",
        "pipeline/test_model_steps.py",
    ),
    _mutant(
        "the classifier is fitted on training rows alone",
        f"{PIPELINE}/train_classifier.py",
        "snapshot.select(snapshot.split.train),",
        "snapshot.select(np.concatenate([snapshot.split.train, snapshot.split.window])),",
        "pipeline/test_model_steps.py",
    ),
    _mutant(
        "no model is evaluated on days it was fitted on",
        f"{PIPELINE}/evaluation_window.py",
        'index = index[days > np.datetime64(max(fitted), "D")]',
        "pass",
        "pipeline/test_model_steps.py",
    ),
    _mutant(
        "the last day that a model was fitted on is not in its window",
        f"{PIPELINE}/evaluation_window.py",
        'index = index[days > np.datetime64(max(fitted), "D")]',
        'index = index[days >= np.datetime64(max(fitted), "D")]',
        "pipeline/test_model_steps.py",
    ),
    _mutant(
        "the references are fitted on training rows alone",
        f"{PIPELINE}/model_evaluation.py",
        "snapshot.select(snapshot.split.train),",
        "snapshot.select(np.concatenate([snapshot.split.train, snapshot.split.window])),",
        "pipeline/test_model_steps.py",
    ),
    _mutant(
        "a model of another portfolio is not scored",
        f"{PIPELINE}/model_evaluation.py",
        "schema_matches = record.portfolio_hash == portfolio.hash",
        "schema_matches = True",
        "pipeline/test_model_steps.py",
    ),
    _mutant(
        "the threshold's own value counts as default",
        f"{MODEL}/predictor.py",
        "decision = (pd >= self.threshold).astype(np.int8)",
        "decision = (pd > self.threshold).astype(np.int8)",
        "model/test_predictor.py",
    ),
    _mutant(
        "the threshold's own value counts as default in the metrics",
        f"{MODEL}/metrics.py",
        "self.above_threshold = int((self.score >= threshold).sum())",
        "self.above_threshold = int((self.score > threshold).sum())",
        "model/test_metrics.py",
    ),
    _mutant(
        "the returned weights are those of the best epoch",
        f"{MODEL}/fine_tuning.py",
        "        kept.load_state_dict(best_state)\n",
        "",
        "model/test_training.py",
    ),
    _mutant(
        "training stops after `patience` epochs without gain",
        f"{MODEL}/fine_tuning.py",
        "if epochs_without_gain == config.patience:",
        "if epochs_without_gain == config.patience + 1:",
        "model/test_training.py",
    ),
    _mutant(
        "the teacher does not know the row it teaches",
        f"{MODEL}/stacking.py",
        "1 / (1 + np.exp(-(shares @ log_odds))),",
        "1 / (1 + np.exp(-np.where(outcome, 4.0, -4.0))),",
        "model/test_stacking.py",
    ),
    _mutant(
        "boosting's held-out rows are not fitted on",
        f"{MODEL}/boosting.py",
        'model, statistics = self.fit(fitted, kind | {"max_iter": MAX_ROUNDS}, held_out)',
        'model, statistics = self.fit(np.concatenate([fitted, held_out]), kind | {"max_iter": MAX_ROUNDS}, held_out)',
        "model/test_stacking.py",
    ),
    _mutant(
        "a reason is the drop when the feature alone is set to its reference",
        f"{MODEL}/contributions.py",
        "drops[row, feature] += transformer_logits[row] - after",
        "drops[row, feature] += 0.99 * (transformer_logits[row] - after)",
        "model/test_contributions.py",
        "model/test_predictor.py",
    ),
    _mutant(
        "every byte of an artifact is verified",
        f"{MODEL}/artifact_files.py",
        "if files[MANIFEST] != to_json(expected):",
        "if False:",
        "model/test_artifact.py",
    ),
    _mutant(
        "an artifact must be the registered one",
        f"{MODEL}/artifact.py",
        "if sha256 is not None and digest != sha256:",
        "if False:",
        "model/test_artifact.py",
    ),
    _mutant(
        "no model is promoted whose lower bound does not beat chance",
        f"{POLICY}/promotion.py",
        "discriminates = model.roc_auc_low > limits.auc_floor",
        "discriminates = model.roc_auc_low >= limits.auc_floor",
        "policy/test_promotion.py",
    ),
    _mutant(
        "the F1 target itself meets the target",
        f"{POLICY}/promotion.py",
        "met = model.f1 >= limits.f1_threshold",
        "met = model.f1 > limits.f1_threshold",
        "policy/test_promotion.py",
    ),
    _mutant(
        "a challenger must not be worse than the champion",
        f"{POLICY}/promotion.py",
        "passed = low >= -margin",
        "passed = high >= -margin",
        "policy/test_promotion.py",
    ),
    _mutant(
        "both models are evaluated on the same window",
        f"{POLICY}/promotion.py",
        "if champion is not None and (champion.rows, champion.positives) != (candidate.rows, candidate.positives):",
        "if False:",
        "policy/test_promotion.py",
    ),
    _mutant(
        "a window with too few defaults gives no verdict",
        f"{POLICY}/promotion.py",
        "if model.rows >= limits.sample_threshold and model.positives >= limits.positive_threshold:",
        "if model.rows >= limits.sample_threshold:",
        "policy/test_promotion.py",
    ),
    _mutant(
        "REFERENCE_GATE=require refuses a model that may be worse",
        f"{POLICY}/reference_gate.py",
        "return not self.dauc_low >= -margin",
        "return self.dauc_low < -margin",
        "policy/test_promotion.py",
    ),
    _mutant(
        "near-perfect discrimination without attestation is rejected",
        f"{POLICY}/leakage_ceiling.py",
        "if model.attested or not near_perfect:",
        "if not near_perfect or model.attested is not None:",
        "policy/test_promotion.py",
    ),
    _mutant(
        "no retraining starts while one is running",
        f"{POLICY}/retraining.py",
        "    if state.running:\n",
        "    if False:\n",
        "policy/test_retraining.py",
    ),
    _mutant(
        "a retraining waits for the cooldown",
        f"{POLICY}/retraining.py",
        "or _wait_for_cooldown(state, limits, need)",
        "or None",
        "policy/test_retraining.py",
    ),
    _mutant(
        "an attempt that is finished is not repeated",
        f"{POLICY}/retraining.py",
        "if state.has_finished_attempt(start.snapshot, attempt):",
        "if False:",
        "policy/test_retraining.py",
        "policy/test_machine.py",
    ),
    _mutant(
        "a prediction is stored once (service)",
        f"{WAREHOUSE}/predictions.py",
        "    ON CONFLICT (request_id, position) DO NOTHING\n    RETURNING",
        "    RETURNING",
        "warehouse/test_evaluations_and_predictions.py",
        "bento/prediction_log/test_prediction_log.py",
    ),
    _mutant(
        "a prediction is stored once (files)",
        f"{WAREHOUSE}/predictions.py",
        "VALUES %s ON CONFLICT (request_id, position) DO NOTHING",
        "VALUES %s",
        "warehouse/test_evaluations_and_predictions.py",
    ),
    _mutant(
        "an evaluation is recorded once",
        f"{WAREHOUSE}/evaluations.py",
        '"ON CONFLICT (model_version, snapshot_hash, role) DO NOTHING",',
        '"",',
        "warehouse/test_evaluations_and_predictions.py",
    ),
    _mutant(
        "a partition is replaced, not appended to",
        f"{WAREHOUSE}/partition_writes.py",
        'sql.SQL("DELETE FROM {} WHERE partition_key = ANY(%s)").format(sql.Identifier(self.name)),',
        'sql.SQL("DELETE FROM {} WHERE partition_key = ANY(%s) AND false").format(sql.Identifier(self.name)),',
        "warehouse/test_partition_writes.py",
        "warehouse/test_loans.py",
    ),
    _mutant(
        "rows that did not arrive change nothing",
        f"{WAREHOUSE}/partition_writes.py",
        "if arrived != sent.total():",
        "if False:",
        "warehouse/test_partition_writes.py",
    ),
    _mutant(
        "the spool's folder is the owner's alone",
        "bento/prediction_log/spool.py",
        "folder.chmod(0o700)  # it holds applicants' data",
        "folder.chmod(0o755)",
        "bento/prediction_log/test_spool.py",
        "bento/prediction_log/test_prediction_log.py",
    ),
    _mutant(
        "a spool file is the owner's alone",
        "bento/prediction_log/file_locks.py",
        "os.O_APPEND | os.O_CLOEXEC, 0o600)",
        "os.O_APPEND | os.O_CLOEXEC, 0o644)",
        "bento/prediction_log/test_spool.py",
        "bento/prediction_log/test_prediction_log.py",
    ),
    _mutant(
        "a record that was cut off is not delivered",
        "bento/prediction_log/spool.py",
        "segment = Segment(path, descriptor, complete_bytes(descriptor), sealed=True)",
        "segment = Segment(path, descriptor, os.fstat(descriptor).st_size, sealed=True)",
        "bento/prediction_log/test_spool.py",
        "bento/prediction_log/test_prediction_log.py",
    ),
    _mutant(
        "an administration key cannot predict",
        "bento/access/permissions.py",
        '    "/predict": USER,\n',
        '    "/predict": EITHER,\n',
        "bento/access/test_api_keys.py",
        "bento/http_api/test_middleware.py",
        "bento/test_transports.py",
    ),
    _mutant(
        "a client without a key is refused",
        "bento/access/api_keys.py",
        "if not self._digests or not allowed or role in allowed:",
        "if not self._digests or not allowed or role is None or role in allowed:",
        "bento/access/test_api_keys.py",
    ),
    _mutant(
        "a client without tokens is refused",
        "bento/access/rate_limit.py",
        "if bucket.tokens < 1:",
        "if bucket.tokens < 0:",
        "bento/access/test_api_keys.py",
        "bento/http_api/test_middleware.py",
    ),
    _mutant(
        "a changed row differs from the digest of its link",
        f"{PIPELINE}/verify_predictions.py",
        "elif (computed := prediction_digest(each.row)) != each.digest:",
        "elif (computed := each.digest) != each.digest:",
        "verification/test_alterations.py",
    ),
    _mutant(
        "a link that is missing breaks its chain",
        f"{PIPELINE}/verify_chains.py",
        "if not broken and link.number != number:",
        "if False:",
        "verification/test_alterations.py",
    ),
    _mutant(
        "a chain that was computed again misses its anchor",
        f"{PIPELINE}/verify_chains.py",
        "if link.hash.hex() != hash_:",
        "if False:",
        "verification/test_alterations.py",
    ),
    _mutant(
        "a chain that was cut off misses its anchor",
        f"{PIPELINE}/verify_chains.py",
        "for number, entries in sorted(by_link.items()):",
        "for number, entries in ():",
        "verification/test_alterations.py",
    ),
    _mutant(
        "a deleted row needs a tombstone that covers its link",
        f"{PIPELINE}/verify_predictions.py",
        "elif each.row is None:",
        "elif False:",
        "verification/test_alterations.py",
    ),
    _mutant(
        "a recorded PD is that of its model",
        f"{PIPELINE}/verify_predictions.py",
        "reproduced = difference <= TOLERANCE",
        "reproduced = difference <= 1",
        "verification/test_alterations.py",
    ),
    _mutant(
        "a verdict follows from its figures",
        f"{PIPELINE}/verify_gates.py",
        "if verdict != each.evaluation.verdict:",
        "if False:",
        "verification/test_alterations.py",
    ),
    _mutant(
        "an announced signature must be there",
        f"{PIPELINE}/verify_decisions.py",
        'problem = "none" if decision.requires_signature else None',
        "problem = None",
        "verification/test_alterations.py",
    ),
)
