"""Planted faults of retention: what is deleted, what stays, and what is recorded of it."""

from loan_default_assets_tests.mutants.mutant import (
    COMMANDS,
    ORCHESTRATION,
    PIPELINE,
    POLICY,
    WAREHOUSE,
    Mutant,
    mutant,
)

RETENTION_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "the champion before the present one keeps its files",
        f"{POLICY}/model_retention.py",
        "retired[: max(count, LEAST_CHAMPIONS) - 1])",
        "retired[: max(count, LEAST_CHAMPIONS) - 2])",
        "policy/test_model_retention.py",
    ),
    mutant(
        "the champion keeps its files",
        f"{POLICY}/model_retention.py",
        'champion = [model for model in models if model.status == "champion"]',
        'champion = [model for model in models if model.status == "retired"][:1]',
        "policy/test_model_retention.py",
    ),
    mutant(
        "the newest former champions are kept, not the oldest",
        f"{POLICY}/model_retention.py",
        "key=_promoted, reverse=True)",
        "key=_promoted)",
        "policy/test_model_retention.py",
    ),
    mutant(
        "a version is kept for the whole number of days",
        f"{POLICY}/model_retention.py",
        "now - model.created_at > timedelta(days=days)",
        "now - model.created_at >= timedelta(days=days)",
        "policy/test_model_retention.py",
    ),
    mutant(
        "the encoder of a kept model stays",
        f"{POLICY}/model_retention.py",
        "return reused | encoders | {model.version for model in newest.values()}",
        "return reused | {model.version for model in newest.values()}",
        "policy/test_model_retention.py",
    ),
    mutant(
        "files are deleted only of a version that is still marked",
        f"{PIPELINE}/prune_models.py",
        "            if files.version not in pruned_models(cursor):\n                continue\n",
        "",
        "pipeline/test_prune_models.py",
    ),
    mutant(
        "a deletion of files is recorded before it begins",
        f"{PIPELINE}/prune_models.py",
        "mark_pruned(cursor, files.version, files.size_bytes)",
        "pass",
        "pipeline/test_prune_models.py",
    ),
    mutant(
        "what may be deleted is read under the lock of promotions",
        f"{PIPELINE}/prune_models.py",
        """    with changing_models(database) as cursor:
        # Read under the lock: a promotion or rollback that came first has changed what may be deleted.
        found = prunable_files(database, root, retention, now, cache)
""",
        """    found = prunable_files(database, root, retention, now, cache)
    with changing_models(database) as cursor:
""",
        "pipeline/test_prune_models.py",
    ),
    mutant(
        "a dry run deletes no files of models",
        f"{ORCHESTRATION}/retention.py",
        "        if apply and found:\n",
        "        if found:\n",
        "commands/test_prune.py",
    ),
    mutant(
        "a dry run deletes no predictions",
        f"{ORCHESTRATION}/retention.py",
        "        if apply:\n            every",
        "        if True:\n            every",
        "commands/test_prune.py",
    ),
    mutant(
        "files of models wait for a run that may read them",
        f"{ORCHESTRATION}/retention.py",
        'wait = self.waits_for() if any(limit is not None for _, _, limit in kinds) else ""',
        'wait = ""',
        "commands/test_prune.py",
    ),
    mutant(
        "the run that applies retention does not wait for itself",
        f"{ORCHESTRATION}/retention.py",
        "for run in runs if run.run_id != self.own_run})",
        "for run in runs})",
        "commands/test_prune.py",
    ),
    mutant(
        "predictions of an outcome that has not matured stay unless asked for",
        f"{ORCHESTRATION}/retention.py",
        "prune_months(self.database, every, unmatured=unmatured)",
        "prune_months(self.database, every, unmatured=True)",
        "commands/test_prune.py",
    ),
    mutant(
        "predictions leave after days, not hours",
        f"{ORCHESTRATION}/retention.py",
        "(self.now - timedelta(days=days)).astimezone(UTC)",
        "(self.now - timedelta(hours=days)).astimezone(UTC)",
        "commands/test_prune.py",
    ),
    mutant(
        "a run that has not ended keeps its events",
        f"{ORCHESTRATION}/history_pruning.py",
        "ended = dg.RunsFilter(statuses=ENDED, created_before=before)",
        "ended = dg.RunsFilter(created_before=before)",
        "orchestration/test_history_pruning.py",
    ),
    mutant(
        "a run that ended after the point in time stays",
        f"{ORCHESTRATION}/history_pruning.py",
        "if record.end_time is not None and record.end_time >= before.timestamp():",
        "if False:",
        "orchestration/test_history_pruning.py",
    ),
    mutant(
        "attempts that the retraining policy counts stay",
        f"{ORCHESTRATION}/history_pruning.py",
        "if RETRAINING_TAG in run.tags:",
        "if False:",
        "orchestration/test_history_pruning.py",
    ),
    mutant(
        "the run of the newest materialization of a partition stays",
        f"{ORCHESTRATION}/history_pruning.py",
        "        if record.storage_id in newest:\n            return True\n",
        "",
        "orchestration/test_history_pruning.py",
    ),
    mutant(
        "a run of a backfill in progress stays",
        f"{ORCHESTRATION}/history_pruning.py",
        "elif run.tags.get(_BACKFILL_TAG) in backfills or _is_needed(",
        "elif _is_needed(",
        "orchestration/test_history_pruning.py",
    ),
    mutant(
        "events are deleted before their run, so that a deletion that is cut off is found",
        f"{ORCHESTRATION}/history_pruning.py",
        """        instance.event_log_storage.delete_events(run_id)
        instance.delete_run(run_id)
""",
        """        instance.run_storage.delete_run(run_id)
        instance.delete_run(run_id)
        instance.event_log_storage.delete_events(run_id)
""",
        "orchestration/test_history_pruning.py",
    ),
    mutant(
        "a month of predictions that goes on stays",
        f"{WAREHOUSE}/prediction_pruning.py",
        "WHERE p.created_at < (date_trunc('month', %(before)s::timestamp))",
        "WHERE p.created_at <= (date_trunc('month', %(before)s::timestamp))",
        "warehouse/test_prediction_pruning.py",
    ),
    mutant(
        "the next month's first prediction stays",
        "sql/006_retention.sql",
        "AND created_at < (pruned_month + interval '1 month') AT TIME ZONE 'UTC'",
        "AND created_at <= (pruned_month + interval '1 month') AT TIME ZONE 'UTC'",
        "warehouse/test_prediction_pruning.py",
    ),
    mutant(
        "a month is one of UTC, whatever the time zone of the session",
        "sql/006_retention.sql",
        "WHERE created_at >= pruned_month::timestamp AT TIME ZONE 'UTC'",
        "WHERE created_at >= pruned_month::timestamptz",
        "warehouse/test_prediction_pruning.py",
    ),
    mutant(
        "predictions whose outcome has not matured are not deleted by default",
        "sql/006_retention.sql",
        "AND (unmatured OR predictions.loan_id IS NULL OR matured_loans.loan_id IS NOT NULL)",
        "AND (unmatured OR predictions.loan_id IS NULL OR matured_loans.loan_id IS NULL)",
        "warehouse/test_prediction_pruning.py",
    ),
    mutant(
        "a tombstone counts exactly the deleted rows",
        "sql/006_retention.sql",
        "SELECT pruned_month, (prediction).model_version, count(*),",
        "SELECT pruned_month, (prediction).model_version, count(*) + 1,",
        "warehouse/test_prediction_pruning.py",
    ),
    mutant(
        "a deletion needs the tombstone of its own transaction",
        "sql/006_retention.sql",
        "FROM pruned_predictions WHERE deleted_at = now()",
        "FROM pruned_predictions",
        "warehouse/test_prediction_pruning.py",
    ),
    mutant(
        "a Bento that is served stays",
        f"{COMMANDS}/prune.py",
        "if packaged.version in former - kept - {pinned}",
        "if packaged.version in former - kept",
        "commands/test_prune.py",
    ),
    mutant(
        "Bentos of the champion and those before it stay",
        f"{COMMANDS}/prune.py",
        "if packaged.version in former - kept - {pinned}",
        "if packaged.version in former - {pinned}",
        "commands/test_prune.py",
    ),
    mutant(
        "the Bento of a challenger without a verdict stays",
        f"{COMMANDS}/prune.py",
        'if model.status in ("retired", "rejected")}',
        'if model.status != "champion"}',
        "commands/test_prune.py",
    ),
    mutant(
        "a dry run deletes no Bentos",
        f"{COMMANDS}/prune.py",
        "    if apply:\n",
        "    if True:\n",
        "commands/test_prune.py",
    ),
    mutant(
        "only the named versions leave BentoML's store",
        "bento/operations/bento_pruning.py",
        "if found.version in versions:",
        "if found.version:",
        "bento/operations/test_bento_pruning.py",
    ),
)
