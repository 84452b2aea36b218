"""What an intruder with all rights may change, as a table: each alteration, and the deviation that must name it."""

import json
import random
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from loan_default_assets_tests.verification.altered_features import any_prediction, features_of, seal_again
from loan_default_assets_tests.verification.recorded_bank import RecordedBank

_MODELS = "SELECT version FROM model_metadata WHERE kind = 'classifier' ORDER BY version"


@dataclass(frozen=True)
class Alteration:
    """One alteration.

    Attributes:
        check: The check that finds it.
        table: The table, or `files`, that the deviation names.
        message: What the deviation says besides.
        do: Makes it, and returns the row that the deviation names.
    """

    check: str
    table: str
    message: str
    do: Callable[[RecordedBank, random.Random], str]


def _updating(assignment: str, condition: str = "true") -> Callable[[RecordedBank, random.Random], str]:
    """Changes a column of a prediction."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        request, position = any_prediction(bank, rng, condition)
        bank.alter(
            f"UPDATE predictions SET {assignment} WHERE request_id = %(request)s AND position = %(position)s",
            request=request,
            position=position,
        )
        return f"request {request} position {position}"

    return do


def _delete_prediction(bank: RecordedBank, rng: random.Random) -> str:
    request, position = any_prediction(bank, rng)
    bank.alter(
        "DELETE FROM predictions WHERE request_id = %(request)s AND position = %(position)s",
        request=request,
        position=position,
    )
    return f"request {request} position {position}"


def _delete_prediction_and_link(bank: RecordedBank, rng: random.Random) -> str:
    """Not the last of its chain: that is cutting it off."""
    links = bank.alter(
        "SELECT request_id::text, position, chain, link FROM prediction_links l "
        "WHERE EXISTS (SELECT FROM prediction_links n WHERE n.chain = l.chain AND n.link > l.link) ORDER BY 3, 4"
    )
    request, position, chain, link = rng.choice(links)
    for table in ("predictions", "prediction_links"):
        bank.alter(
            f"DELETE FROM {table} WHERE request_id = %(request)s AND position = %(position)s",
            request=request,
            position=position,
        )
    return f"link {link} of chain predictions/{chain}"


def _policy(setting: str, value: str) -> Callable[[RecordedBank, random.Random], str]:
    """Changes the first recorded policy; the row of the deviation is the policy, or the first promotion under it."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        [(number,)] = bank.alter(
            "UPDATE oversight_records SET details = jsonb_set(details, ARRAY[%(setting)s], %(value)s::jsonb) "
            "WHERE id = (SELECT min(id) FROM oversight_records WHERE action = 'policy changed') RETURNING id",
            setting=setting,
            value=value,
        )
        if setting != "APPROVALS":
            return f"row [{number}]"
        return "decision " + str(
            bank.alter("SELECT min(id) FROM champion_decisions WHERE action = 'promoted'")[0][0]
        )

    return do


def _anchored(bank: RecordedBank) -> list[tuple[str, int]]:
    """Chain and link that the first decision after its last row anchored."""
    return bank.alter(
        "SELECT a.key, (a.value ->> 0)::integer FROM champion_decisions d, jsonb_each(d.anchors) a "
        "WHERE a.key LIKE 'predictions/%' ORDER BY d.id"
    )


def _cut_off(bank: RecordedBank, rng: random.Random) -> str:
    """Delete the last rows of a chain up to before its anchor, with their links."""
    name, anchor = rng.choice(_anchored(bank))
    kept = rng.randrange(1, anchor)
    bank.alter(
        "DELETE FROM predictions p USING prediction_links l WHERE (p.request_id, p.position) = "
        "(l.request_id, l.position) AND chain = %(chain)s AND link > %(kept)s",
        "DELETE FROM prediction_links WHERE chain = %(chain)s AND link > %(kept)s",
        chain=int(name.partition("/")[2]),
        kept=kept,
    )
    return f"link {anchor} of chain {name}"


def _insert_without_link(bank: RecordedBank, rng: random.Random) -> str:
    request, position = any_prediction(bank, rng)
    added = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    bank.alter(
        "INSERT INTO predictions SELECT %(added)s, position, loan_id, model_version, features, probability, "
        "decision, threshold, reasons, channel, latency_ms, created_at FROM predictions "
        "WHERE request_id = %(request)s AND position = %(position)s",
        request=request,
        position=position,
        added=added,
    )
    seal_again(bank, added, position, features_of(bank, request, position))
    return f"request {added} position {position}"


def _rewrite_chain(bank: RecordedBank, rng: random.Random) -> str:
    """Alter a row, and compute its digest and all later hashes of its chain again, as the trigger does."""
    name, anchor = rng.choice(_anchored(bank))
    chain = int(name.partition("/")[2])
    bank.alter(
        "UPDATE predictions SET probability = 0.5 FROM prediction_links l WHERE chain = %(chain)s AND link = 1 "
        "AND (predictions.request_id, predictions.position) = (l.request_id, l.position)",
        "CREATE TABLE copied AS SELECT p.* FROM predictions p JOIN prediction_links l USING (request_id, position) "
        "WHERE chain = %(chain)s ORDER BY link",
        "CREATE TABLE links AS SELECT link, request_id, position FROM prediction_links WHERE chain = %(chain)s",
        "DELETE FROM prediction_links WHERE chain = %(chain)s",
        """DO $$
        DECLARE
            each record;
            number bigint := 0;
            last bytea;
        BEGIN
            FOR each IN SELECT l.link, c AS row FROM links l JOIN copied c USING (request_id, position) ORDER BY link
            LOOP
                last := sha256(coalesce(last, sha256(convert_to('predictions/%(chain)s', 'UTF8')))
                    || prediction_digest(each.row::text::predictions));
                INSERT INTO prediction_links VALUES (each.link, (each.row).request_id, (each.row).position, %(chain)s,
                    prediction_digest(each.row::text::predictions), last);
            END LOOP;
        END $$""",
        chain=chain,
    )
    return f"link {anchor} of chain {name}"


def _swap_model(bank: RecordedBank, rng: random.Random) -> str:
    versions = [version for (version,) in bank.alter(_MODELS)]
    rng.shuffle(versions)
    shutil.rmtree(bank.models / versions[0])
    shutil.copytree(bank.models / versions[1], bank.models / versions[0])
    return f"version {versions[0]}"


def _change_weights(bank: RecordedBank, rng: random.Random) -> str:
    weights = rng.choice(sorted(bank.models.glob("*/weights.safetensors")))
    content = bytearray(weights.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    weights.write_bytes(content)
    return f"version {weights.parent.name}"


def _edit_manifest(bank: RecordedBank, rng: random.Random) -> str:
    """Change a file, and the manifest with it, so that they agree."""
    from loan_default_assets.model.artifact_files import digest_of, to_json

    folder = rng.choice([bank.models / version for (version,) in bank.alter(_MODELS)])
    details = json.loads((folder / "model.json").read_text("utf-8"))
    details["threshold"] = rng.random()
    (folder / "model.json").write_bytes(to_json(details))
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["model.json"] = digest_of((folder / "model.json").read_bytes())
    (folder / "manifest.json").write_bytes(to_json(manifest))
    return f"version {folder.name}"


def _model_column(assignment: str, condition: str) -> Callable[[RecordedBank, random.Random], str]:
    def do(bank: RecordedBank, rng: random.Random) -> str:
        version = rng.choice(
            bank.alter(f"SELECT version FROM model_metadata WHERE {condition} ORDER BY version")
        )[0]
        bank.alter(f"UPDATE model_metadata SET {assignment} WHERE version = %(version)s", version=version)
        return version

    return do


def _evaluation(
    assignment: str, table: str = "model_performance"
) -> Callable[[RecordedBank, random.Random], str]:
    key = "id" if table == "model_performance" else "evaluation"

    def do(bank: RecordedBank, rng: random.Random) -> str:
        number = rng.choice(bank.alter(f"SELECT {key} FROM {table} ORDER BY 1"))[0]
        bank.alter(f"UPDATE {table} SET {assignment} WHERE {key} = %(number)s", number=number)
        return str(number)

    return do


def decision(statement: str, condition: str = "true") -> Callable[[RecordedBank, random.Random], str]:
    """Alters a decision."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        number = rng.choice(bank.alter(f"SELECT id FROM champion_decisions WHERE {condition} ORDER BY 1"))[0]
        bank.alter(f"{statement} WHERE id = %(number)s", number=number)
        return f"decision {number}"

    return do


def _tombstone(
    statement: str, table: str = "pruned_predictions"
) -> Callable[[RecordedBank, random.Random], str]:
    """Prunes the predictions of March, and alters the record of it."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        with bank.session() as session, session.database.transaction() as cursor:
            cursor.execute("SELECT prune_predictions('2025-03-01', true)")
        bank.alter(statement)
        return "2025-03"

    return do


# On the same side of the threshold, so that the decision still follows from it.
ANOTHER_PD = "probability = CASE WHEN probability < threshold THEN probability + threshold ELSE probability + 1 END / 2"
ALTERATIONS = {
    "a setting of a recorded policy": Alteration(
        "row", "oversight_records", "the row was altered", _policy("F1_SCORE_THRESHOLD", "0.1")
    ),
    "the approvals that a recorded policy requires": Alteration(
        "approval", "champion_decisions", "approvals of 2 different people", _policy("APPROVALS", "2")
    ),
    "the PD of a row": Alteration("row", "predictions", "the row was altered", _updating(ANOTHER_PD)),
    "the PD of a row, found by the model too": Alteration(
        "score", "predictions", "on the recorded features", _updating(ANOTHER_PD)
    ),
    "the reason codes of a row": Alteration(
        "row", "predictions", "the row was altered", _updating("reasons = '[]'", "reasons IS NOT NULL")
    ),
    "the decision of a row": Alteration(
        "row", "predictions", "the row was altered", _updating("decision = 1 - decision")
    ),
    "the decision of a row, found by its threshold too": Alteration(
        "score", "predictions", "for its PD and threshold", _updating("decision = 1 - decision")
    ),
    "the threshold of a row": Alteration(
        "score", "predictions", "expected threshold", _updating("threshold = threshold / 2")
    ),
    "the time of a row": Alteration(
        "row", "predictions", "the row was altered", _updating("created_at = created_at + interval '1 us'")
    ),
    "the loan of a row": Alteration(
        "row", "predictions", "the row was altered", _updating("loan_id = 'other'")
    ),
    "a deleted row": Alteration("row", "predictions", "the row was deleted", _delete_prediction),
    "a deleted row with its link": Alteration(
        "chain", "prediction_links", "expected the link; found it is missing", _delete_prediction_and_link
    ),
    "the last rows of a chain with their links": Alteration(
        "chain", "prediction_links", "the chain ends at link", _cut_off
    ),
    "an altered row whose chain was computed again": Alteration(
        "chain", "prediction_links", "the chain was written again", _rewrite_chain
    ),
    "an added row": Alteration("row", "predictions", "none: the row was added", _insert_without_link),
    "another model in the folder": Alteration("files", "files", "as registered; found", _swap_model),
    "a bit of the weights": Alteration("files", "files", "weights.safetensors differs", _change_weights),
    "a manifest that fits its altered file": Alteration(
        "files", "files", "holds the files of another model", _edit_manifest
    ),
    "the threshold of a model": Alteration(
        "registry",
        "model_metadata",
        "as in its artifact",
        _model_column("threshold = 0.01", "kind = 'classifier'"),
    ),
    "the training snapshot of a model": Alteration(
        "snapshot", "model_metadata", "snapshot_hash", _model_column("snapshot_hash = 'other'", "true")
    ),
    "the training metrics of a model": Alteration(
        "row",
        "model_metadata",
        "the row was altered",
        _model_column("metrics = metrics || '{\"f1\": 1}'", "true"),
    ),
    "the verdict of a champion": Alteration(
        "decision",
        "model_metadata",
        "expected verdict",
        _model_column(
            "verdict = 'provisional'", "status IN ('champion', 'retired') AND verdict <> 'provisional'"
        ),
    ),
    "the time of the last promotion of a retired champion": Alteration(
        "decision",
        "model_metadata",
        "expected promoted_at",
        _model_column("promoted_at = now()", "status = 'retired'"),
    ),
    "the time of the last promotion of the champion": Alteration(
        "decision",
        "model_metadata",
        "expected promoted_at",
        _model_column("promoted_at = promoted_at - interval '1 day'", "status = 'champion'"),
    ),
    "a verdict of a model that was never promoted": Alteration(
        "decision",
        "model_metadata",
        "expected no verdict",
        _model_column("verdict = 'approved'", "promoted_at IS NULL"),
    ),
    "a promotion of a model that was never promoted": Alteration(
        "decision",
        "model_metadata",
        "expected no promoted_at",
        _model_column("promoted_at = now()", "promoted_at IS NULL"),
    ),
    "the status of a model": Alteration(
        "decision",
        "model_metadata",
        "expected status",
        _model_column("status = 'rejected', promoted_at = NULL", "status IN ('champion', 'retired')"),
    ),
    "the reason of a decision in the registry": Alteration(
        "decision", "model_metadata", "expected reason", _model_column("reason = 'x'", "status = 'champion'")
    ),
    "a figure of the promotion gate": Alteration(
        "gate",
        "model_performance",
        "on which the policy decided",
        _evaluation("metrics = metrics || '{\"f1\": 0.99}'"),
    ),
    "an interval of an evaluation": Alteration(
        "row", "model_performance", "the row was altered", _evaluation("intervals = '{}'")
    ),
    "the verdict of the promotion gate": Alteration(
        "gate", "model_performance", "which follows from its figures", _evaluation("verdict = 'provisional'")
    ),
    "an input of the promotion gate": Alteration(
        "gate",
        "model_performance",
        "expected f1",
        _evaluation("inputs = jsonb_set(inputs, '{candidate,f1}', '0.01')", "evaluation_inputs"),
    ),
    "a limit of the promotion gate": Alteration(
        "row",
        "evaluation_inputs",
        "the row was altered",
        _evaluation("inputs = jsonb_set(inputs, '{limits,max_ece}', '0.9')", "evaluation_inputs"),
    ),
    "inputs of a verdict that are none": Alteration(
        "gate", "evaluation_inputs", "incomplete", _evaluation("inputs = '{}'", "evaluation_inputs")
    ),
    "a data cutoff that is no date": Alteration(
        "gate",
        "evaluation_inputs",
        "",
        _evaluation("inputs = jsonb_set(inputs, '{cutoff}', '\"x\"')", "evaluation_inputs"),
    ),
    "anchors of another form": Alteration(
        "decision",
        "champion_decisions",
        "the decision was altered",
        decision("UPDATE champion_decisions SET anchors = '{\"predictions/0\": 3}'"),
    ),
    "the reason of a decision": Alteration(
        "decision",
        "champion_decisions",
        "the decision was altered",
        decision("UPDATE champion_decisions SET reason = 'because'"),
    ),
    "who decided": Alteration(
        "decision",
        "champion_decisions",
        "the decision was altered",
        decision("UPDATE champion_decisions SET decided_by = 'another user'"),
    ),
    "the verdict of a decision": Alteration(
        "decision",
        "champion_decisions",
        "the decision was altered",
        decision("UPDATE champion_decisions SET verdict = 'provisional'", "verdict <> 'provisional'"),
    ),
    "a deleted decision": Alteration(
        "chain",
        "champion_decisions",
        "it is missing",
        decision("DELETE FROM champion_decisions", "id < (SELECT max(id) FROM champion_decisions)"),
    ),
    "the rows of a tombstone": Alteration(
        "tombstone",
        "pruned_predictions",
        "as their links say",
        _tombstone("UPDATE pruned_predictions SET rows = rows - 1"),
    ),
    "the hash of a tombstone": Alteration(
        "tombstone",
        "pruned_predictions",
        "as their links say",
        _tombstone("UPDATE pruned_predictions SET sha256 = repeat('0', 64)"),
    ),
    "the sum of PDs of a tombstone": Alteration(
        "row",
        "pruned_predictions",
        "the row was altered",
        _tombstone("UPDATE pruned_predictions SET pd_sum = 1"),
    ),
    "a deleted tombstone": Alteration(
        "row", "pruned_predictions", "it is missing", _tombstone("DELETE FROM pruned_predictions")
    ),
    "the links of a tombstone": Alteration(
        "tombstone",
        "pruned_predictions",
        "expected the links of the deleted predictions",
        _tombstone("DELETE FROM pruned_links"),
    ),
}
