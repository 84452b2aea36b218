"""All checks of `loan-default verify`, in one state of the database, without the service."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.pipeline.verify_alerts import verify_deleted_alerts
from loan_default_assets.pipeline.verify_approvals import verify_approvals
from loan_default_assets.pipeline.verify_batch_scores import BatchScoreCounts, verify_batch_scores
from loan_default_assets.pipeline.verify_chains import (
    ALL_CHAINS,
    verify_decision_chain,
    verify_prediction_chains,
    verify_record_chains,
    verify_shadow_chains,
)
from loan_default_assets.pipeline.verify_decisions import CheckSignature, verify_decisions
from loan_default_assets.pipeline.verify_gates import GateCounts, verify_gates
from loan_default_assets.pipeline.verify_models import (
    CheckManifest,
    Scorers,
    VerifiedFiles,
    verify_files,
    verify_pruned_versions,
)
from loan_default_assets.pipeline.verify_predictions import PredictionCounts, verify_predictions
from loan_default_assets.pipeline.verify_refused_records import RefusedCounts, verify_refused_records
from loan_default_assets.pipeline.verify_shadow_scores import verify_shadow_scores
from loan_default_assets.pipeline.verify_snapshots import SnapshotState, recompute_snapshots
from loan_default_assets.pipeline.verify_tombstones import PrunedLinks, verify_tombstones
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.alert_tombstones import alert_tombstones
from loan_default_assets.warehouse.chain_links import ChainStart, stored_chains
from loan_default_assets.warehouse.champion_decisions import RecordedDecision
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.linked_shadow_scores import (
    linked_shadow_scores,
    repeated_shadow_digests,
    shadow_chains_of,
)
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.refused_records import refused_records

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.split_bounds import SplitLimits


@dataclass(frozen=True)
class Verification:
    """What was verified, and what deviates.

    Attributes:
        links: Links of the chains of predictions that were followed.
        chains: Number of these chains.
        models: Versions whose files were compared.
        approved: Promotions whose approvals were counted, since their policy required some.
        snapshots: Of every version that was ever champion.
        shadow: Scores of shadows.
        shadow_links: Links of their chains that were followed.
        batch_scores: None where one request was verified.
        refused: Records that the log refused; None where one request was verified.
        starts: Tables that had rows before they had a chain.
    """

    deviations: Deviations
    predictions: PredictionCounts
    links: int
    chains: int
    pruned: PrunedLinks
    models: int
    files: VerifiedFiles
    gates: GateCounts
    approved: int
    snapshots: tuple[SnapshotState, ...]
    decisions: tuple[RecordedDecision, ...]
    shadow: PredictionCounts
    shadow_links: int
    batch_scores: BatchScoreCounts | None
    refused: RefusedCounts | None
    starts: tuple[ChainStart, ...]


def verify_records(
    database: Database,
    portfolio: Portfolio,
    store: "ArtifactStore",
    limits: "SplitLimits",
    *,
    request_id: str | None = None,
    check_manifest: CheckManifest | None = None,
    check_signature: CheckSignature | None = None,
) -> Verification:
    """Verify all records, or those that the predictions of one request rest on.

    Args:
        limits: As at training, for the hash of a snapshot.
        request_id: A UUID; None for all predictions.
        check_manifest: Checks the signature of a model's manifest.
        check_signature: Checks the signature of a decision.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    deviations = Deviations()
    with stored_chains(database) as stored:
        models, decisions = stored.models(), stored.decisions()
        evaluations = stored.evaluations()
        linked = list(stored.linked_predictions(request_id)) if request_id else None
        shadow_linked = list(linked_shadow_scores(stored, request_id)) if request_id else None
        concerned = models
        if linked is not None and shadow_linked is not None:
            scored_by = {each.row.model_version for each in linked if each.row}
            scored_by |= {each.model_version for each in shadow_linked}
            concerned = [model for model in models if model.version in scored_by]
        versions = {model.version for model in concerned}
        signed = {each.version for each in decisions if each.requires_signature and each.action != "rejected"}
        pruned_versions = stored.pruned_models()
        files = verify_files(concerned, pruned_versions, store, check_manifest, signed, deviations)
        verify_pruned_versions(pruned_versions, decisions, deviations)
        verify_decision_chain(stored, decisions, deviations)
        verify_decisions(decisions, models, evaluations, check_signature, deviations)
        approved = verify_approvals(decisions, stored.oversight(), deviations)
        gates = verify_gates(
            [each for each in evaluations if each.evaluation.model_version in versions], deviations
        )
        gone = verify_record_chains(stored, decisions, deviations)
        verify_deleted_alerts(alert_tombstones(stored), gone, deviations)
        chains = ALL_CHAINS if request_id is None else tuple(stored.chains_of(request_id))
        links = verify_prediction_chains(stored, decisions, chains, deviations)
        pruned = verify_tombstones(stored, deviations, compare=request_id is None)
        scorers = Scorers(models, files)
        predictions = verify_predictions(
            stored.linked_predictions() if linked is None else linked,
            stored.repeated_links(),
            pruned,
            scorers,
            deviations,
        )
        shadow_chains = ALL_CHAINS if request_id is None else shadow_chains_of(stored, request_id)
        shadow_links = verify_shadow_chains(stored, decisions, shadow_chains, deviations)
        shadow = verify_shadow_scores(
            linked_shadow_scores(stored, None) if shadow_linked is None else shadow_linked,
            repeated_shadow_digests(stored, request_id),
            scorers,
            deviations,
        )
        batch_scores = refused = None
        if request_id is None:
            batch_scores = verify_batch_scores(stored, deviations)
            refused = verify_refused_records(refused_records(stored), deviations)
        starts = stored.chain_starts()
    promoted = {decision.version for decision in decisions if decision.action == "promoted"}
    snapshots = recompute_snapshots(
        [model for model in concerned if model.version in promoted],
        evaluations,
        Loans(database, portfolio),
        portfolio.hash,
        limits,
    )
    return Verification(
        deviations,
        predictions,
        links,
        len(chains),
        pruned,
        len(concerned),
        files,
        gates,
        approved,
        tuple(snapshots),
        tuple(decisions),
        shadow,
        shadow_links,
        batch_scores,
        refused,
        tuple(starts),
    )
