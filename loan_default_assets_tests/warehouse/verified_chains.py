"""All chains of a database, verified without a function of its schema."""

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.pipeline.verify_chains import (
    ALL_CHAINS,
    verify_decision_chain,
    verify_prediction_chains,
    verify_record_chains,
)
from loan_default_assets.pipeline.verify_predictions import verify_predictions
from loan_default_assets.pipeline.verify_tombstones import verify_tombstones
from loan_default_assets.warehouse.chain_links import stored_chains
from loan_default_assets.warehouse.database import Database


def verified(database: Database) -> tuple[Deviations, int, int]:
    """Deviations of chains and features; the number of links; that of rows."""
    deviations = Deviations()
    with stored_chains(database) as stored:
        decisions = stored.decisions()
        verify_decision_chain(stored, decisions, deviations)
        verify_record_chains(stored, decisions, deviations)
        links = verify_prediction_chains(stored, decisions, ALL_CHAINS, deviations)
        pruned = verify_tombstones(stored, deviations, compare=True)
        counts = verify_predictions(
            stored.linked_predictions(),
            stored.repeated_links(),
            pruned,
            lambda version: "there are no models here",
            deviations,
        )
    return deviations, links, counts.rows
