"""Sealed features open with their key, for their prediction only, and no alteration passes."""

import json
import uuid
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest

from loan_default_assets.warehouse.record_lines import ErasedSubject, erased_line, sealed_line
from loan_default_assets.warehouse.sealed_features import AlteredFeatures, opened_features, seal

REQUEST = "6f6c6b2e-0a52-4c0c-9a53-3c1d52c9b6d1"
FEATURES = {"amount": 0.1, "note": '원화 \0 "quoted"', "none": None, "count": 2**53}


def test_what_is_sealed_opens_with_its_key_and_is_not_readable() -> None:
    sealed = seal(json.dumps(FEATURES).encode(), REQUEST, 3)
    stored = {"sealed": sealed.text}
    assert opened_features(stored, sealed.key, request_id=REQUEST, position=3) == FEATURES
    assert "원화" not in sealed.text
    assert "원화".encode() not in b64decode(sealed.text)


def test_no_key_and_no_sealed_text_occurs_twice() -> None:
    made = [seal(b"{}", REQUEST, 0) for _ in range(1000)]
    assert len({one.key for one in made}) == len({one.text for one in made}) == 1000
    assert {len(one.key) for one in made} == {32}


def _flipped(text: str, index: int) -> str:
    content = bytearray(b64decode(text))
    content[index] ^= 1
    return b64encode(content).decode()


ALTERED: dict[str, Callable[[str, bytes], dict[str, Any]]] = {
    "a bit at the start": lambda text, key: {"stored": {"sealed": _flipped(text, 0)}},
    "a bit of the tag": lambda text, key: {"stored": {"sealed": _flipped(text, -1)}},
    "cut off": lambda text, key: {"stored": {"sealed": text[:-8]}},
    "no base64": lambda text, key: {"stored": {"sealed": "~" + text}},
    "empty": lambda text, key: {"stored": {"sealed": ""}},
    "no text": lambda text, key: {"stored": {"sealed": None}},
    "features that are not sealed": lambda text, key: {"stored": FEATURES},
    "a bit of the key": lambda text, key: {"key": bytes([key[0] ^ 1]) + key[1:]},
    "another key": lambda text, key: {"key": seal(b"{}", REQUEST, 3).key},
    "a key of another length": lambda text, key: {"key": key[:5]},
    "another position": lambda text, key: {"position": 4},
    "another request": lambda text, key: {"request_id": str(uuid.UUID(int=1))},
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_an_alteration_is_detected_and_no_value_is_shown(
    alter: Callable[[str, bytes], dict[str, Any]],
) -> None:
    sealed = seal(json.dumps(FEATURES).encode(), REQUEST, 3)
    given: dict[str, Any] = {
        "stored": {"sealed": sealed.text},
        "key": sealed.key,
        "request_id": REQUEST,
        "position": 3,
    }
    changed = given | alter(sealed.text, sealed.key)
    with pytest.raises(AlteredFeatures, match=r"prediction \d of request .* were altered") as refused:
        opened_features(
            changed["stored"],
            changed["key"],
            request_id=changed["request_id"],
            position=changed["position"],
        )
    assert refused.value.__cause__ is None
    assert "원화" not in str(refused.value)


def line(*loans: dict[str, Any], request: str = REQUEST) -> bytes:
    return json.dumps({"request_id": request, "loans": loans}, ensure_ascii=False).encode()


SEALED = {"loan_id": "L-1", "sealed": "c2VhbGVk", "key": "a2V5"}
READABLE = {"loan_id": "L-1", "features": {"amount": 1}}
LOAN, UMLAUT = ErasedSubject.of("loan", "L-1"), ErasedSubject.of("loan", 'Ü "1"')
ERASED: dict[str, tuple[bytes, ErasedSubject, list[set[str]] | None]] = {
    "a sealed loan": (line(SEALED), LOAN, [{"loan_id", "sealed"}]),
    "a readable loan": (line(READABLE), LOAN, [{"loan_id", "sealed"}]),
    "another loan stays": (line(SEALED | {"loan_id": "L-10"}), LOAN, [{*SEALED}]),
    "one of a batch": (line(SEALED | {"loan_id": None}, SEALED), LOAN, [{*SEALED}, {"loan_id", "sealed"}]),
    "a request": (
        line(SEALED, SEALED | {"loan_id": None}),
        ErasedSubject.of("request", REQUEST),
        [{"loan_id", "sealed"}] * 2,
    ),
    "one application of a request": (
        line(SEALED, SEALED),
        ErasedSubject.of("request", f"{REQUEST}/1"),
        [{*SEALED}, {"loan_id", "sealed"}],
    ),
    "another request stays": (
        line(SEALED),
        ErasedSubject.of("request", str(uuid.UUID(int=1))),
        [{*SEALED}],
    ),
    "a loan whose name is that of a request stays": (
        line(SEALED | {"loan_id": REQUEST}, request=str(uuid.UUID(int=1))),
        ErasedSubject.of("request", REQUEST),
        [{*SEALED}],
    ),
    "a name in other letters": (
        line(SEALED | {"loan_id": 'Ü "1"'}),
        UMLAUT,
        [{"loan_id", "sealed"}],
    ),
    "a name in escaped letters": (
        json.dumps({"request_id": REQUEST, "loans": [SEALED | {"loan_id": 'Ü "1"'}]}).encode(),
        UMLAUT,
        [{"loan_id", "sealed"}],
    ),
    "a subject by its hash": (line(SEALED), ErasedSubject(LOAN.sha256), [{"loan_id", "sealed"}]),
    "a damaged line that names it": (line(READABLE)[:-3], LOAN, None),
    "a damaged line that does not": (line(READABLE | {"loan_id": "L-10"})[:-3], LOAN, []),
}


@pytest.mark.parametrize(("given", "subject", "left"), ERASED.values(), ids=ERASED)
def test_a_record_without_the_features_of_a_loan(
    given: bytes, subject: ErasedSubject, left: list[set[str]] | None
) -> None:
    changed = erased_line(given, subject)
    if left is None:
        assert changed == b""
    elif not left:
        assert changed == given
    else:
        loans = json.loads(changed)["loans"]
        assert [{*loan} for loan in loans] == left
        assert b"amount" not in changed
        assert (changed == given) == (left == [{*SEALED}] * len(left))
    assert erased_line(changed, subject) == changed


@pytest.mark.parametrize(
    "given",
    [
        line(SEALED),
        b"",
        b"no JSON",
        line(READABLE)[:-3],
        line(READABLE, request="no uuid"),
        b'{"request_id": 1, "loans": "features", "features": {}}',
        b'{"request_id": "' + REQUEST.encode() + b'", "loans": [{"features": "\\ud800"}]}',
        b'\xff"features"',
        line({"loan_id": "features", "sealed": "", "key": ""}),
    ],
)
def test_what_cannot_be_sealed_is_left_to_the_table(given: bytes) -> None:
    assert json_or_bytes(sealed_line(given)) == json_or_bytes(given)


def json_or_bytes(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
