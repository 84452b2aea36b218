"""All chains of a database, verified without a function of its schema."""

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.pipeline.verify_alerts import verify_deleted_alerts
from loan_default_assets.pipeline.verify_chains import (
    ALL_CHAINS,
    verify_decision_chain,
    verify_prediction_chains,
    verify_record_chains,
    verify_shadow_chains,
)
from loan_default_assets.pipeline.verify_predictions import verify_predictions
from loan_default_assets.pipeline.verify_refused_records import verify_refused_records
from loan_default_assets.pipeline.verify_shadow_scores import verify_shadow_scores
from loan_default_assets.pipeline.verify_tombstones import verify_tombstones
from loan_default_assets.warehouse.alert_tombstones import alert_tombstones
from loan_default_assets.warehouse.chain_links import stored_chains
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.linked_shadow_scores import linked_shadow_scores, repeated_shadow_digests
from loan_default_assets.warehouse.refused_records import refused_records


def verified(database: Database) -> tuple[Deviations, int, int]:
    """Deviations of chains and features; of predictions the number of links, and that of rows."""
    deviations = Deviations()
    with stored_chains(database) as stored:
        decisions = stored.decisions()
        verify_decision_chain(stored, decisions, deviations)
        gone = verify_record_chains(stored, decisions, deviations)
        verify_deleted_alerts(alert_tombstones(stored), gone, deviations)
        links = verify_prediction_chains(stored, decisions, ALL_CHAINS, deviations)
        pruned = verify_tombstones(stored, deviations, compare=True)
        counts = verify_predictions(
            stored.linked_predictions(),
            stored.repeated_links(),
            pruned,
            lambda version: "there are no models here",
            deviations,
        )
        verify_shadow_chains(stored, decisions, ALL_CHAINS, deviations)
        verify_shadow_scores(
            linked_shadow_scores(stored, None),
            repeated_shadow_digests(stored, None),
            lambda version: "there are no models here",
            deviations,
        )
        verify_refused_records(refused_records(stored), deviations)
    return deviations, links, counts.rows
