"""Planted faults of approvals, the recorded policy, overrides, rescorings and explanations over HTTP."""

from loan_default_assets_tests.mutants.mutant import PIPELINE, POLICY, WAREHOUSE, Mutant, mutant

_PROMOTIONS = f"{WAREHOUSE}/promotions.py"
_POLICY = f"{WAREHOUSE}/policy_records.py"
_OVERSIGHT = f"{WAREHOUSE}/oversight.py"
_TESTS = "warehouse/test_promotions.py"
_DECISIONS = "pipeline/test_decide_champion.py"
_ROUTES = "bento/http_api/test_decision_routes.py"
_MIGRATION = "sql/015_approvals.sql"

_KEYS, _KEY_TESTS = f"{WAREHOUSE}/key_approvals.py", "warehouse/test_key_approvals.py"

OVERSIGHT_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "nobody approves twice by key",
        _KEYS,
        "if actor in found.approved_by:",
        "if False:",
        _KEY_TESTS,
        "bento/http_api/test_approval_routes.py",
    ),
    mutant(
        "an approval by key is of the proposal that was looked at",
        _KEYS,
        "if found.proposal != proposal:",
        "if False:",
        _KEY_TESTS,
    ),
    mutant(
        "a key approves as the person to whom it belongs, and nobody without keys",
        "bento/http_api/approval_routes.py",
        "            if person is None:\n                raise Refused(problems.NO_APPROVERS)",
        "            person = person or key_id(key)",
        "bento/http_api/test_approval_routes.py",
    ),
    mutant(
        "the chain carries out a promotion with all its approvals only",
        _PROMOTIONS,
        "if automatic and len(proposal.approved_by) < required:",
        "if automatic and not proposal.approved_by:",
        _KEY_TESTS,
        _DECISIONS,
    ),
    mutant(
        "the chain does not carry out what a later verdict rejects",
        f"{PIPELINE}/approved_promotion.py",
        "if proposal.actor == PROMOTION_POLICY and evaluation.verdict not in PROMOTING:",
        "if False:",
        _DECISIONS,
    ),
    mutant(
        "a key of another role approves nothing",
        "bento/access/permissions.py",
        '"/promotions/{version}/approve": APPROVE,',
        '"/promotions/{version}/approve": APPROVE | ADMIN,',
        "bento/http_api/test_approval_routes.py",
    ),
    mutant(
        "nobody approves a promotion twice",
        _PROMOTIONS,
        "if self.actor in proposal.approved_by:",
        "if False:",
        _TESTS,
    ),
    mutant(
        "nobody approves a promotion twice by a statement",
        _MIGRATION,
        "CREATE UNIQUE INDEX one_approval_per_actor",
        "CREATE INDEX one_approval_per_actor",
        _TESTS,
    ),
    mutant(
        "a promotion waits until all approvals are given",
        _PROMOTIONS,
        "if len(given) < required:",
        "if not given:",
        _TESTS,
    ),
    mutant(
        "the chain approves nothing",
        _PROMOTIONS,
        "if automatic and len(proposal.approved_by) < required:",
        "if False:",
        _TESTS,
        _DECISIONS,
    ),
    mutant(
        "the database refuses a promotion without its approvals",
        _MIGRATION,
        "IF approved < required THEN",
        "IF false THEN",
        _TESTS,
    ),
    mutant(
        "a change of the champion ends a proposal",
        _MIGRATION,
        "(d.action <> 'rejected' OR d.version = p.version)",
        "d.version = p.version",
        _TESTS,
    ),
    mutant(
        "the rejection of its version ends a proposal",
        _MIGRATION,
        "(d.action <> 'rejected' OR d.version = p.version)",
        "d.action <> 'rejected'",
        _TESTS,
        _DECISIONS,
    ),
    mutant(
        "a setting lowers no approvals by itself",
        _POLICY,
        "(state.required > 1 or not state.differing)",
        "not state.differing",
        _TESTS,
    ),
    mutant(
        "a policy is supported by who proposed the same settings",
        _POLICY,
        "if each.id > since and each.details == dict(present)",
        "if each.id > since",
        _TESTS,
    ),
    mutant(
        "the retraining waits while a promotion waits",
        f"{POLICY}/retraining.py",
        "if state.awaiting_approval and not state.forced:",
        "if False:",
        _DECISIONS,
    ),
    mutant(
        "verify counts the approvals of every promotion",
        f"{PIPELINE}/verify_approvals.py",
        "if required > 1 and len(people) < required:",
        "if False:",
        "verification/test_alterations.py",
    ),
    mutant(
        "a repeated override counts once",
        _OVERSIGHT,
        'if repeated := _select(cursor, "idempotency_key = %(idempotency_key)s::uuid", values):',
        "if repeated := []:",
        _ROUTES,
    ),
    mutant(
        "an override changes the present decision",
        _OVERSIGHT,
        "if override.decision == before:",
        "if False:",
        _ROUTES,
    ),
    mutant(
        "a rescoring is logged",
        "bento/operations/recorded_decisions.py",
        "if rescoring := rescoring_of(found):",
        "if rescoring := None:",
        _ROUTES,
    ),
    mutant(
        "a rescoring keeps no value",
        _OVERSIGHT,
        'to_json({"columns": sorted(rescoring.columns), "pd": rescoring.pd})',
        'to_json({"columns": sorted(rescoring.columns), "pd": rescoring.pd, "values": 4321.75})',
        _ROUTES,
    ),
    mutant(
        "an explanation needs the role explain",
        "bento/access/permissions.py",
        '"/predictions/{request_id}": EXPLAIN,',
        '"/predictions/{request_id}": EXPLAIN | USER,',
        _ROUTES,
        "bento/access/test_api_keys.py",
    ),
    mutant(
        "an override needs the role override",
        "bento/access/permissions.py",
        '"/predictions/{request_id}/override": OVERRIDE,',
        '"/predictions/{request_id}/override": OVERRIDE | EXPLAIN,',
        _ROUTES,
        "bento/access/test_api_keys.py",
    ),
)
