"""Planted faults of what `verify` says of sealed features, erasures and signatures."""

from loan_default_assets_tests.mutants.mutant import COMMANDS, PIPELINE, WAREHOUSE, Mutant, mutant

_ALTERATIONS = "verification/test_alterations.py"
_UNALTERED = "verification/test_unaltered_records.py"

VERIFICATION_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "a prediction without a key needs an erasure",
        f"{PIPELINE}/opened_features.py",
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
        f"{PIPELINE}/opened_features.py",
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
        "replace(session.artifacts, signatures=None)",
        "session.artifacts",
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
