"""What retention deletes, kind by kind; a kind whose setting is unset is kept whole."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from loan_default_assets.object_store.artifact_cache import artifact_cache
from loan_default_assets.orchestration import history_pruning, run_tracking
from loan_default_assets.pipeline.prune_models import prunable_files, prune_files
from loan_default_assets.policy.model_retention import ModelRetention
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.prediction_pruning import months_before, prune_months
from loan_default_assets.warehouse.table_sizes import event_bytes

RUNS, TICKS, ALERTS, CANDIDATES, CHAMPIONS, BENTOS, PREDICTIONS = (
    "runs",
    "ticks",
    "alerts",
    "candidates",
    "champions",
    "bentos",
    "predictions",
)


@dataclass(frozen=True)
class PrunedKind:
    """What is deleted of one kind, or would be.

    Attributes:
        kind: Name of the kind.
        setting: The setting that keeps the rest.
        count: Runs, ticks, alerts, versions, Bentos or predictions; None where the setting is unset or the kind
            has to wait.
        size_bytes: Bytes of files or rows; None where Dagster does not tell.
        note: What stays in spite of its age, and why.
    """

    kind: str
    setting: str
    count: int | None = None
    size_bytes: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Retention:
    """Retention of one portfolio.

    Attributes:
        own_run: The run that applies it, which is no reason to wait.
    """

    settings: Settings
    database: Database
    instance: dg.DagsterInstance
    now: datetime
    own_run: str | None = None

    def prune(self, *, apply: bool, unmatured: bool = False) -> list[PrunedKind]:
        """Every kind but Bentos: what goes, deleted if `apply`.

        Args:
            apply: Delete; otherwise nothing is changed.
            unmatured: Delete also predictions whose outcome has not matured.

        Raises:
            WarehouseError: The database cannot be reached.
            ArtifactRootError: The root of the artifacts cannot be reached or refuses.
            OSError: The files of a model cannot be deleted.
        """
        return [
            *self._history(apply=apply),
            *self._models(apply=apply),
            self._predictions(apply=apply, unmatured=unmatured),
        ]

    def waits_for(self) -> str:
        """Why files of models have to stay for now; empty where nothing speaks against a deletion."""
        run_tracking.fail_abandoned(self.instance)
        runs = self.instance.get_runs(dg.RunsFilter(statuses=run_tracking.UNFINISHED))
        names = sorted({run.job_name for run in runs if run.run_id != self.own_run})
        return f"waits for the end of the run {', '.join(names)}, which may read them" if names else ""

    def _history(self, *, apply: bool) -> list[PrunedKind]:
        setting, days = "RETENTION_DAGSTER_DAYS", self.settings.retention_dagster_days
        if days is None:
            return [PrunedKind(kind, setting) for kind in (RUNS, TICKS, ALERTS)]
        before = self.now - timedelta(days=days)
        found = history_pruning.old_history(self.instance, before)
        size = event_bytes(self.database, found.run_ids)
        alert_log = AlertLog(self.database)
        alerts = alert_log.prune(before) if apply else alert_log.count_before(before)
        if apply:
            found = history_pruning.prune_history(self.instance, before)
        stays = [
            f"{found.needed} older runs stay: the state of an asset, partition, check or backfill depends on them",
            f"{found.retrainings} older trainings stay: the retraining policy counts them",
        ]
        note = "; ".join(
            text for text, count in zip(stays, (found.needed, found.retrainings), strict=True) if count
        )
        return [
            PrunedKind(RUNS, setting, len(found.run_ids), size, note),
            PrunedKind(TICKS, setting, found.ticks),
            PrunedKind(ALERTS, setting, alerts),
        ]

    def _models(self, *, apply: bool) -> list[PrunedKind]:
        retention = ModelRetention(self.settings.retention_candidate_days, self.settings.retention_champions)
        kinds = (
            (CANDIDATES, "RETENTION_CANDIDATE_DAYS", retention.candidate_days),
            (CHAMPIONS, "RETENTION_CHAMPIONS", retention.champions),
        )
        wait = self.waits_for() if any(limit is not None for _, _, limit in kinds) else ""
        root, cache = self.settings.artifact_folder, artifact_cache(self.settings)
        found = [] if wait else prunable_files(self.database, root, retention, self.now, cache)
        if apply and found:
            found = list(prune_files(self.database, root, retention, self.now, cache))
        pruned = []
        for kind, setting, limit in kinds:
            files = [each for each in found if each.was_promoted == (kind == CHAMPIONS)]
            if limit is None and not files:
                pruned.append(PrunedKind(kind, setting))
            elif wait:
                pruned.append(PrunedKind(kind, setting, note=wait))
            else:
                pruned.append(PrunedKind(kind, setting, len(files), sum(each.size_bytes for each in files)))
        return pruned

    def _predictions(self, *, apply: bool, unmatured: bool) -> PrunedKind:
        setting, days = "RETENTION_PREDICTION_DAYS", self.settings.retention_prediction_days
        if days is None:
            return PrunedKind(PREDICTIONS, setting)
        months = months_before(self.database, (self.now - timedelta(days=days)).astimezone(UTC).date())
        kept = 0 if unmatured else sum(month.unmatured for month in months)
        rows = sum(month.rows for month in months) - kept
        size = sum(month.size_bytes for month in months)
        if apply:
            every = sorted({month.month for month in months})
            rows_of_all = sum(month.rows for month in months)
            rows = prune_months(self.database, every, unmatured=unmatured)
            kept = rows_of_all - rows
        share = rows / (rows + kept) if rows + kept else 0
        note = (
            f"{kept:,} older predictions stay: their outcome has not matured (--unmatured deletes them)"
            if kept
            else ""
        )
        return PrunedKind(PREDICTIONS, setting, rows, round(size * share), note)
