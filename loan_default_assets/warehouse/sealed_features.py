"""The features of a prediction, encrypted with a key of their own: made, and opened again."""

import json
import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from loan_default_assets.warehouse.database_errors import WarehouseError

KEY_BYTES = 32
# A key encrypts one prediction and is never used again, so that the nonce need not differ.
_NONCE = bytes(12)


class AlteredFeatures(WarehouseError):
    """Sealed features are not those that were sealed with this key for this prediction."""


class Sealed(NamedTuple):
    """Encrypted features in base64, and the key that opens them."""

    text: str
    key: bytes


def seal(features: bytes, request_id: str, position: int) -> Sealed:
    """Encrypt the features of one prediction with a new random key (AES-256-GCM, NIST SP 800-38D).

    Args:
        features: A JSON object.
        request_id: The UUID of the request in lower case; the result opens for this request and position only.
        position: Index of the application within its request, from 0.
    """
    key = os.urandom(KEY_BYTES)
    encrypted = AESGCM(key).encrypt(_NONCE, features, _place(request_id, position))
    return Sealed(b64encode(encrypted).decode(), key)


def opened_features(
    stored: Mapping[str, Any], key: bytes, *, request_id: str, position: int
) -> Mapping[str, Any]:
    """The features of a prediction, by column of the portfolio.

    Args:
        stored: The value of `predictions.features`.
        key: The row of `prediction_keys`.
        request_id: The UUID of the request in lower case.
        position: Index of the application within its request, from 0.

    Raises:
        AlteredFeatures: The stored value or the key is not the one that was written, or belongs to another prediction.
    """
    try:
        encrypted = b64decode(stored["sealed"], validate=True)
        opened = AESGCM(key).decrypt(_NONCE, encrypted, _place(request_id, position))
    except (InvalidTag, KeyError, TypeError, ValueError, Base64Error):
        raise AlteredFeatures(
            f"the features of prediction {position} of request {request_id} or their key were altered"
        ) from None
    features: Mapping[str, Any] = json.loads(opened)
    return features


def _place(request_id: str, position: int) -> bytes:
    return f"{request_id}/{position}".encode()
