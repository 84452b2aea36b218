"""The planted faults of the shadow challenger."""

from loan_default_assets_tests.mutants.mutant import PIPELINE, WAREHOUSE, Mutant, mutant

MODELS = "warehouse/test_shadow_models.py"


def _shadow(promise: str, path: str, line: str, fault: str, *tests: str) -> Mutant:
    return mutant(f"shadow: {promise}", path, line, fault, *tests)


SHADOW_FAULTS: tuple[Mutant, ...] = (
    _shadow(
        "a batch that another process has done is not stored again",
        f"{WAREHOUSE}/shadow_models.py",
        "if _links(cursor, version, lock=True) != batch.before:",
        "if not _links(cursor, version, lock=True):",
        MODELS,
    ),
    _shadow(
        "scores and progress are of one transaction, in the order of the chains",
        f"{WAREHOUSE}/shadow_models.py",
        "AND link > c.done ORDER BY link LIMIT",
        "AND link >= c.done ORDER BY link DESC LIMIT",
        MODELS,
    ),
    _shadow(
        "an erased application gets no score",
        f"{WAREHOUSE}/shadow_models.py",
        "WHERE k.key IS NOT NULL\n",
        "",
        MODELS,
    ),
    _shadow(
        "no score is stored beside an erasure",
        f"{WAREHOUSE}/shadow_models.py",
        "cursor.execute(_NO_ERASURE)",
        "pass",
        MODELS,
    ),
    _shadow(
        "no score is stored while predictions are pruned",
        f"{WAREHOUSE}/shadow_models.py",
        "            if cursor.fetchall() != [(True,)]:\n                return False\n",
        "            cursor.fetchall()\n",
        MODELS,
    ),
    _shadow(
        "an erasure deletes the scores",
        f"{WAREHOUSE}/erasures.py",
        "cursor.execute(_DELETE_SHADOW_SCORES.format(narrow=_PREDICTION[subject.kind]), values)",
        "pass",
        MODELS,
    ),
    _shadow(
        "an erasure that is repeated after a restore deletes the scores",
        f"{WAREHOUSE}/erasures.py",
        "cursor.execute(_DELETE_SHADOW_SCORES.format(narrow=_PREDICTION[None]), values)",
        "pass",
        MODELS,
    ),
    _shadow(
        "it does not score its own answers",
        f"{WAREHOUSE}/shadow_models.py",
        "AND p.model_version <> %(version)s AND",
        "AND",
        MODELS,
        "bento/shadow/test_shadow_scorer.py",
    ),
    _shadow(
        "a former champion is not the last rejected candidate",
        f"{WAREHOUSE}/shadow_models.py",
        'never = record.status == "rejected" and record.promoted_at is None',
        'never = record.status == "rejected"',
        MODELS,
    ),
    _shadow(
        "loans that a model may have been trained on are not compared",
        f"{WAREHOUSE}/shadow_pairs.py",
        "WHERE as_of IS NULL OR until IS NULL OR as_of > until\n",
        "",
        MODELS,
    ),
    _shadow(
        "the newest prediction of a loan counts",
        f"{WAREHOUSE}/shadow_pairs.py",
        "ORDER BY p.loan_id, p.created_at DESC, request_id, position",
        "ORDER BY p.loan_id, p.created_at, request_id, position",
        MODELS,
    ),
    _shadow(
        "retention keeps its files",
        f"{PIPELINE}/prune_models.py",
        "} - shadows",
        "}",
        "pipeline/test_prune_models.py",
    ),
    _shadow(
        "its files are verified before it scores",
        "bento/shadow/scorer.py",
        '            if found.state == "unsigned":\n',
        "            if False:\n",
        "bento/shadow/test_shadow_scorer.py",
    ),
    _shadow(
        "its process has the lowest priority",
        "bento/shadow/__main__.py",
        "    os.nice(19)\n",
        "",
        "bento/shadow/test_shadow_process.py",
    ),
    _shadow(
        "it scores from the first answer of the service on",
        "bento/__main__.py",
        "            begin_shadow(settings, portfolio, database)\n",
        "",
        "bento/shadow/test_shadow_process.py",
    ),
    _shadow(
        "its process is started again",
        "bento/shadow/supervision.py",
        "            self._stopping.wait(RESTART_SECONDS)\n",
        "            return\n",
        "bento/shadow/test_shadow_process.py",
    ),
)
