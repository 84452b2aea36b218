"""What one run at a time may do: load partitions, train and judge. `dagster.yaml` has the limit."""

import dagster as dg

INGESTION = "ingestion"
TRAINING = "training"


def limit(instance: dg.DagsterInstance) -> None:
    """Gives each pool its limit. Dagster does so when it first meets one, but lets the runs of that moment pass."""
    storage = instance.event_log_storage
    for pool in {INGESTION, TRAINING} - storage.get_concurrency_keys():
        storage.initialize_concurrency_limit_to_default(pool)
