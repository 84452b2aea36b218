"""Alterations of sealed features, their keys and erasures, and of signatures; a table as `alterations`."""

import random
from collections.abc import Callable

import psycopg2

from loan_default_assets.commands.erase import erase, subject_of
from loan_default_assets.signing.model_signature import SIGNATURE, encoded
from loan_default_assets.signing.signed_models import RECORD_TYPE
from loan_default_assets_tests.tamperings import stranger
from loan_default_assets_tests.verification.alterations import Alteration, decision
from loan_default_assets_tests.verification.altered_features import any_prediction, features_of, seal_again
from loan_default_assets_tests.verification.recorded_bank import RecordedBank

_PROMOTED = "SELECT DISTINCT version FROM champion_decisions WHERE action = 'promoted' ORDER BY version"
_NONE = "key_id = NULL, signature = NULL"


def _another_income(bank: RecordedBank, rng: random.Random) -> str:
    request, position = any_prediction(bank, rng)
    features = features_of(bank, request, position)
    seal_again(bank, request, position, features | {"income": features["income"] + 1})
    return f"request {request} position {position}"


def _no_application(bank: RecordedBank, rng: random.Random) -> str:
    request, position = any_prediction(bank, rng)
    seal_again(bank, request, position, {"income": "x"})
    return f"request {request} position {position}"


def _executing(statement: str) -> Callable[[RecordedBank, random.Random], str]:
    """Alters the prediction of %(request)s and %(position)s."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        request, position = any_prediction(bank, rng)
        bank.alter(statement, request=request, position=position)
        return f"request {request} position {position}"

    return do


def _erased(statement: str) -> Callable[[RecordedBank, random.Random], str]:
    """Erases a loan, and alters the record of it."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        request, position = any_prediction(bank, rng)
        with bank.session() as session:
            erase(session, subject_of(None, f"{request}/{position}"), [])
        bank.alter(statement)
        return f"request {request} position {position}"

    return do


def _foreign_signature(bank: RecordedBank, rng: random.Random) -> str:
    """Valid, by a key that nobody trusts."""
    number, decided = rng.choice(bank.alter("SELECT id, hash FROM champion_decisions ORDER BY id"))
    key = stranger()
    bank.alter(
        "UPDATE champion_decisions SET key_id = %(key)s, signature = %(signature)s WHERE id = %(number)s",
        number=number,
        key=key.public.key_id,
        signature=psycopg2.Binary(key.sign(encoded(RECORD_TYPE, bytes(decided)))),
    )
    return f"decision {number}"


def _edit_model_signature(bank: RecordedBank, rng: random.Random) -> str:
    (version,) = rng.choice(bank.alter(_PROMOTED))
    path = bank.models / version / SIGNATURE
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return f"version {version}"


def _swap_model_signatures(bank: RecordedBank, rng: random.Random) -> str:
    versions = [version for (version,) in bank.alter(_PROMOTED)]
    rng.shuffle(versions)
    signature = (bank.models / versions[1] / SIGNATURE).read_bytes()
    (bank.models / versions[0] / SIGNATURE).write_bytes(signature)
    return f"version {versions[0]}"


def _remove_model_signature(bank: RecordedBank, rng: random.Random) -> str:
    (version,) = rng.choice(bank.alter(_PROMOTED))
    (bank.models / version / SIGNATURE).unlink()
    return f"version {version}"


_THIS = "request_id = %(request)s AND position = %(position)s"
_OTHER = "NOT (request_id = %(request)s AND position = %(position)s)"
_UNSEALED = "features or a key that were altered"
_NO_KEY = "no key, and no erasure is recorded"
_REVERSED = (
    "UPDATE predictions SET features = jsonb_build_object('sealed', reverse(features ->> 'sealed')) "
    f"WHERE {_THIS}"
)
SEALED_ALTERATIONS = {
    "the features of a row, sealed with a key that fits": Alteration(
        "row", "predictions", "the row was altered", _another_income
    ),
    "the features of a row": Alteration("row", "predictions", "the row was altered", _executing(_REVERSED)),
    "the features of a row, found by their key too": Alteration(
        "features", "predictions", _UNSEALED, _executing(_REVERSED)
    ),
    "features that are none": Alteration("score", "predictions", "expected PD nan", _no_application),
    "features that can be read": Alteration(
        "features",
        "predictions",
        _UNSEALED,
        _executing(f"UPDATE predictions SET features = '{{\"income\": 1}}' WHERE {_THIS}"),
    ),
    "features that are no object": Alteration(
        "features",
        "predictions",
        _UNSEALED,
        _executing(f"UPDATE predictions SET features = '[1]' WHERE {_THIS}"),
    ),
    "the features of another row": Alteration(
        "features",
        "predictions",
        _UNSEALED,
        _executing(
            f"UPDATE predictions SET features = (SELECT features FROM predictions WHERE {_OTHER} LIMIT 1) "
            f"WHERE {_THIS}"
        ),
    ),
    "the key of a row": Alteration(
        "features",
        "predictions",
        _UNSEALED,
        _executing(f"UPDATE prediction_keys SET key = sha256(key) WHERE {_THIS}"),
    ),
    "the key of another row": Alteration(
        "features",
        "predictions",
        _UNSEALED,
        _executing(
            f"UPDATE prediction_keys SET key = (SELECT key FROM prediction_keys WHERE {_OTHER} LIMIT 1) "
            f"WHERE {_THIS}"
        ),
    ),
    "the features and the key of another row": Alteration(
        "features",
        "predictions",
        _UNSEALED,
        _executing(
            "WITH other AS (SELECT features, key FROM predictions JOIN prediction_keys USING (request_id, position) "
            f"WHERE {_OTHER} LIMIT 1), keys AS ("
            f"UPDATE prediction_keys SET key = (SELECT key FROM other) WHERE {_THIS}) "
            f"UPDATE predictions SET features = (SELECT features FROM other) WHERE {_THIS}"
        ),
    ),
    "a deleted key without an erasure": Alteration(
        "features", "predictions", _NO_KEY, _executing(f"DELETE FROM prediction_keys WHERE {_THIS}")
    ),
    "a deleted erasure": Alteration("features", "predictions", _NO_KEY, _erased("DELETE FROM erasures")),
    "an erasure of before the prediction": Alteration(
        "features", "predictions", _NO_KEY, _erased("UPDATE erasures SET erased_at = '2025-01-01'")
    ),
    "an erasure of another loan": Alteration(
        "features", "predictions", _NO_KEY, _erased("UPDATE erasures SET subject_sha256 = sha256('loan x')")
    ),
    "the signature of another decision": Alteration(
        "signature",
        "champion_decisions",
        "one that no trusted key made",
        decision(
            "UPDATE champion_decisions d SET signature = (SELECT signature FROM champion_decisions o "
            "WHERE o.id <> d.id LIMIT 1)"
        ),
    ),
    "a bit of the signature of a decision": Alteration(
        "signature",
        "champion_decisions",
        "one that no trusted key made",
        decision(
            "UPDATE champion_decisions SET signature = set_bit(signature, 99, 1 - get_bit(signature, 99))"
        ),
    ),
    "the key of a signature": Alteration(
        "signature",
        "champion_decisions",
        "one that no trusted key made",
        decision("UPDATE champion_decisions SET key_id = 'other'"),
    ),
    "the signature of a decision by a key that nobody trusts": Alteration(
        "signature", "champion_decisions", "one that no trusted key made", _foreign_signature
    ),
    "a removed signature of a decision": Alteration(
        "signature", "champion_decisions", "found none", decision(f"UPDATE champion_decisions SET {_NONE}")
    ),
    "a removed signature of a decision that says it needs none": Alteration(
        "decision",
        "champion_decisions",
        "the decision was altered",
        decision(f"UPDATE champion_decisions SET requires_signature = false, {_NONE}"),
    ),
    "a bit of the signature of a model": Alteration(
        "signature", "files", "a valid signature of manifest.json", _edit_model_signature
    ),
    "the signature of another model": Alteration(
        "signature", "files", "a valid signature of manifest.json", _swap_model_signatures
    ),
    "a removed signature of a model": Alteration("signature", "files", "found none", _remove_model_signature),
}
