"""Data versions of partitions, by which Dagster tells whether what was made from them is out of date."""

import dagster as dg

from loan_default_assets.orchestration.dagster_internals import DATA_VERSION_TAG


def rows_version(context: dg.AssetExecutionContext, changed: bool) -> dg.DataVersion:
    """The data version of the partitions that a run has stored: the id of the run that changed their rows.

    A hash of the rows would stay in Dagster's history after their loans were erased. A run over several partitions can
    give one version only, which is a new one.

    Args:
        context: The context of the asset.
        changed: Whether the run changed a row.
    """
    keys, new = context.partition_keys, dg.DataVersion(context.run.run_id)
    if changed or len(keys) > 1:
        return new
    latest = dg.AssetRecordsFilter(asset_key=context.asset_key, asset_partitions=keys)
    for record in context.instance.fetch_materializations(latest, limit=1).records:
        if record.asset_materialization is not None:
            tags = record.asset_materialization.tags or {}
            return dg.DataVersion(tags.get(DATA_VERSION_TAG, new.value))
    return new
