"""Jobs and pools: what a run materializes, which of them run one at a time, and what a run prints."""

import logging
import sys

import dagster as dg

from loan_default_assets.orchestration.dagster_internals import UnresolvedAssetJobDefinition
from loan_default_assets.portfolio.spec import Portfolio

INGEST = "ingest"
TRAIN = "train"
FINETUNE = "finetune"
EVALUATE = "evaluate"
PROMOTE = "promote"
PACKAGE = "package"
TUNE = "tune"
SCORE = "score"

# Pools: of the runs that name one, only one at a time executes; `dagster.yaml` has the limit.
INGESTION = "ingestion"
TRAINING = "training"
SCORING = "scoring"

# Tag of every run of these jobs: two portfolios may share one Dagster instance.
PORTFOLIO = "loan_default/portfolio"


def build(portfolio: Portfolio) -> list[UnresolvedAssetJobDefinition]:
    """Partitioned and unpartitioned assets never share a job: a daily run would train a model every day."""

    def job(name: str, description: str, *assets: str) -> UnresolvedAssetJobDefinition:
        keys = [dg.AssetKey([portfolio.name, asset]) for asset in assets]
        return dg.define_asset_job(
            name,
            selection=dg.AssetSelection.assets(*keys),
            description=description,
            tags={PORTFOLIO: portfolio.name},
        )

    return [
        job(INGEST, "Loans and features of the chosen partitions.", "raw_loans", "processed_features"),
        job(
            TRAIN,
            "A new model from pretraining to promotion.",
            "pretrained_encoder",
            "classifier",
            "evaluation",
            "champion",
        ),
        job(
            FINETUNE,
            "A new classifier on the existing encoder, evaluated, and promoted or rejected.",
            "classifier",
            "evaluation",
            "champion",
        ),
        job(SCORE, "PDs of the loans of the chosen partitions by the champion.", "scored_loans"),
        job(PACKAGE, "The champion as a Bento.", "classifier_bento"),
        job(PROMOTE, "A promotion that has all its approvals.", "champion"),
        job(EVALUATE, "The champion on the newest matured loans; nothing is trained.", "evaluation"),
    ]


def limit_pools(instance: dg.DagsterInstance) -> None:
    """Give each pool its limit before the first run.

    Dagster sets a limit when it first dequeues a run of a pool, and lets the runs of that moment pass.
    """
    storage = instance.event_log_storage
    for pool in {INGESTION, TRAINING, SCORING} - storage.get_concurrency_keys():
        storage.initialize_concurrency_limit_to_default(pool)


class _OwnLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {})
        return f"{self.formatTime(record, '%H:%M:%S')} {meta.get('orig_message', record.getMessage())}"


@dg.logger(config_schema={"log_level": dg.Field(str, default_value="INFO", is_required=False)})
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """The assets' own lines on stderr; the engine's events stay in the event log, where the UI shows them."""
    logger = logging.Logger("loan_default", level=context.logger_config["log_level"])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OwnLines())
    handler.addFilter(lambda record: getattr(record, "dagster_event", None) is None)
    logger.addHandler(handler)
    return logger
