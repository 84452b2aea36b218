"""Planted faults of `verify`: links, anchors, verdicts, sealed features, erasures and signatures."""

from loan_default_assets_tests.mutants.mutant import COMMANDS, PIPELINE, WAREHOUSE, Mutant, mutant

_ALTERATIONS = "verification/test_alterations.py"
_UNALTERED = "verification/test_unaltered_records.py"

VERIFICATION_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "a changed row differs from the digest of its link",
        f"{PIPELINE}/verify_predictions.py",
        "elif (computed := prediction_digest(each.row)) != each.digest:",
        "elif (computed := each.digest) != each.digest:",
        "verification/test_alterations.py",
    ),
    mutant(
        "a link that is missing breaks its chain",
        f"{PIPELINE}/verify_chains.py",
        "if not broken and link.number != number:",
        "if False:",
        "verification/test_alterations.py",
    ),
    mutant(
        "a chain that was computed again misses its anchor",
        f"{PIPELINE}/verify_chains.py",
        "if link.hash.hex() != hash_:",
        "if False:",
        "verification/test_alterations.py",
    ),
    mutant(
        "a chain that was cut off misses its anchor",
        f"{PIPELINE}/verify_chains.py",
        "for number, entries in sorted(by_link.items()):",
        "for number, entries in ():",
        "verification/test_alterations.py",
    ),
    mutant(
        "a deleted row needs a tombstone that covers its link",
        f"{PIPELINE}/verify_predictions.py",
        "elif each.row is None:",
        "elif False:",
        "verification/test_alterations.py",
    ),
    mutant(
        "a recorded PD is that of its model",
        f"{PIPELINE}/verify_predictions.py",
        "reproduced = difference <= TOLERANCE",
        "reproduced = difference <= 1",
        "verification/test_alterations.py",
    ),
    mutant(
        "a verdict follows from its figures",
        f"{PIPELINE}/verify_gates.py",
        "if verdict != each.evaluation.verdict:",
        "if False:",
        "verification/test_alterations.py",
    ),
    mutant(
        "the time of a promotion is that of its decision",
        f"{PIPELINE}/verify_decisions.py",
        "if at is None or at > decision.decided_at or (after is not None and at <= after):",
        "if at is None:",
        "verification/test_alterations.py",
    ),
    mutant(
        "a model that no decision promoted has no verdict and no time of a promotion",
        f"{PIPELINE}/verify_decisions.py",
        "        if found is not None:\n            deviations.add(",
        "        if False:\n            deviations.add(",
        "verification/test_alterations.py",
    ),
    mutant(
        "an announced signature must be there",
        f"{PIPELINE}/verify_decisions.py",
        'problem = "none" if decision.requires_signature else None',
        "problem = None",
        "verification/test_alterations.py",
    ),
    mutant(
        "a prediction without a key needs an erasure",
        "loan_default_assets/decisions/opened_features.py",
        "return None if row.erased else",
        "return None if True else",
        _ALTERATIONS,
    ),
    mutant(
        "an erasure counts for what was predicted before it",
        f"{WAREHOUSE}/chain_links.py",
        "AND p.created_at <= e.erased_at",
        "",
        _ALTERATIONS,
    ),
    mutant(
        "verify names erasures without a function of the schema",
        f"{WAREHOUSE}/chain_links.py",
        "sha256(convert_to('loan ' || p.loan_id, 'UTF8'))",
        "erasure_subject('loan', p.loan_id)",
        _UNALTERED,
    ),
    mutant(
        "features that their key does not open are a deviation",
        "loan_default_assets/decisions/opened_features.py",
        'return AlteredFeatures("features or a key that were altered")',
        "return None",
        _ALTERATIONS,
    ),
    mutant(
        "features are opened also where no model can score them",
        f"{PIPELINE}/verify_predictions.py",
        "    scored: list[tuple[StoredPrediction, Mapping[str, Any]]] = []\n",
        "    scored: list[tuple[StoredPrediction, Mapping[str, Any]]] = []\n"
        "    if isinstance(scorer, str):\n        return\n",
        _UNALTERED,
    ),
    mutant(
        "a signature is by a trusted key",
        f"{PIPELINE}/verify_decisions.py",
        "problem = check(decision.key_id, decision.hash, decision.signature)",
        "problem = None",
        _ALTERATIONS,
    ),
    mutant(
        "the model of a signed promotion has a signature",
        f"{COMMANDS}/verify.py",
        'return "none" if announced and signed_by is None else None',
        "return None",
        _ALTERATIONS,
    ),
    mutant(
        "a signature that does not fit is named as one",
        f"{COMMANDS}/verify.py",
        "replace(session.artifacts, signatures=None, whole=True)",
        "replace(session.artifacts, whole=True)",
        _ALTERATIONS,
    ),
    mutant(
        "linked rows are never sealed again",
        f"{WAREHOUSE}/stored_features.py",
        " AND to_regclass('prediction_links') IS NULL",
        "",
        _ALTERATIONS,
    ),
    mutant(
        "rows are sealed before they are linked",
        f"{WAREHOUSE}/database.py",
        ", up_to=migrations.SEALED_FEATURES",
        "",
        "warehouse/test_stored_features.py",
    ),
)
