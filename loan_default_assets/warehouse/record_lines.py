"""The service's records of requests, lines of JSON, changed where they hold features that they must not hold."""

import hashlib
import json
import uuid
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from loan_default_assets.warehouse.sealed_features import seal


@dataclass(frozen=True)
class ErasedSubject:
    """A loan, a request or one application of a request, whose features are erased.

    Attributes:
        sha256: What `erasures` records: the SQL function `erasure_subject`.
        kind: loan or request; None where only the hash is known.
        name: The key of the loan, or REQUEST_ID or REQUEST_ID/POSITION; empty where only the hash is known.
    """

    sha256: bytes
    kind: str | None = None
    name: str = ""

    @classmethod
    def of(cls, kind: str, name: str) -> "ErasedSubject":
        """A loan or a request by its name."""
        return cls(_sha256(kind, name), kind, name)

    def includes(self, request_id: Any, position: int, loan_id: Any) -> bool:
        """Whether it is the application of this request at this position, or its loan."""
        names = [("request", f"{request_id}"), ("request", f"{request_id}/{position}")]
        if loan_id is not None:
            names.append(("loan", f"{loan_id}"))
        return self.sha256 in {_sha256(*name) for name in names}

    def may_be_in(self, line: bytes) -> bool:
        """Whether a line of JSON, also a damaged one, may hold the name; always, where only the hash is known."""
        if self.kind is None:
            return True
        text = self.name.partition("/")[0] if self.kind == "request" else self.name
        return any(json.dumps(text, ensure_ascii=escape).encode() in line for escape in (True, False))


def sealed_line(line: bytes) -> bytes:
    """A record with sealed features: as it is, unless a release that did not seal them wrote it.

    A damaged line is returned as it is.
    """
    # In a text of JSON the quotes would be escaped.
    if b'"features"' not in line:
        return line
    try:
        request = json.loads(line)
        request_id = str(uuid.UUID(request["request_id"]))
        for position, loan in enumerate(request["loans"]):
            if "features" in loan:
                sealed = seal(_json(loan.pop("features")), request_id, position)
                loan |= {"sealed": sealed.text, "key": b64encode(sealed.key).decode()}
        return _json(request)
    except (AttributeError, KeyError, TypeError, ValueError):
        return line


def erased_line(line: bytes, subject: ErasedSubject) -> bytes:
    """A record without features and key of an erased loan; other loans, and lines without them, are as they were.

    A damaged line that names the loan becomes empty, because its values cannot be told from those of other loans.
    """
    if not subject.may_be_in(line):
        return line
    changed = False
    try:
        request = json.loads(line)
        request_id = str(request["request_id"]).lower()
        for position, loan in enumerate(request["loans"]):
            if not {"features", "key"} & {*loan} or not subject.includes(
                request_id, position, loan.get("loan_id")
            ):
                continue
            changed = True
            loan.pop("key", None)
            if "features" in loan:
                # The key that would open it is kept nowhere.
                loan.setdefault("sealed", seal(_json(loan.pop("features")), request_id, position).text)
        return _json(request) if changed else line
    except (AttributeError, KeyError, TypeError, ValueError):
        return b"" if subject.kind else line


def _sha256(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind} {name}".encode()).digest()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
