"""API keys and their roles."""

import hashlib
import hmac
from enum import Enum

from pydantic import SecretStr

from bento.schemas.problems import FORBIDDEN, UNAUTHORIZED, Problem
from loan_default_assets.settings import Settings

SHORTEST_KEY = 16


class ConfigurationError(ValueError):
    """The service cannot start with these settings; the message names the setting and the fix."""


class Role(Enum):
    """What a key is for. An administration key cannot predict: the two roles are kept apart."""

    USER = "user"
    ADMIN = "admin"


class Keys:
    """The keys of a deployment, kept as digests. Without keys, every client has every permission."""

    def __init__(self, user: list[str], admin: list[str]) -> None:
        self._digests = [(digest_of(key), Role.USER) for key in user]
        self._digests += [(digest_of(key), Role.ADMIN) for key in admin]

    @classmethod
    def from_settings(cls, settings: Settings) -> "Keys":
        """Read SERVICE_API_KEYS and SERVICE_ADMIN_KEYS.

        Raises:
            ConfigurationError: A key is too short or in both lists, or there are administration keys only.
        """
        user = _split(settings.service_api_keys, "SERVICE_API_KEYS")
        admin = _split(settings.service_admin_keys, "SERVICE_ADMIN_KEYS")
        if set(user) & set(admin):
            raise ConfigurationError(
                "SERVICE_API_KEYS and SERVICE_ADMIN_KEYS share a key: a key has one role; make another key"
            )
        if admin and not user:
            raise ConfigurationError(
                "SERVICE_ADMIN_KEYS is set and SERVICE_API_KEYS is not: no client could predict; set both"
            )
        return cls(user, admin)

    def __bool__(self) -> bool:
        return bool(self._digests)

    def digests(self) -> list[tuple[bytes, Role]]:
        """SHA-256 and role of every key."""
        return list(self._digests)

    def role(self, presented: str | None) -> Role | None:
        """The role of a key, None for an unknown key. Every comparison takes constant time."""
        digest = digest_of(presented or "")
        matching = None
        for known, role in self._digests:
            if hmac.compare_digest(digest, known):
                matching = role
        return matching

    def refusal(self, role: Role | None, allowed: frozenset[Role]) -> Problem | None:
        """Why a client of this role is refused.

        Args:
            role: The role of the client's key; None without a known key.
            allowed: The roles that have the permission; empty: every client has it.

        Returns:
            UNAUTHORIZED or FORBIDDEN; None when the client is allowed.
        """
        if not self._digests or not allowed or role in allowed:
            return None
        return UNAUTHORIZED if role is None else FORBIDDEN


def presented_key(authorization: str | None, x_api_key: str | None) -> str | None:
    """The key of `Authorization: Bearer KEY` or of `X-API-Key: KEY`."""
    if authorization and authorization[:7].lower() == "bearer ":
        return authorization[7:].strip()
    return x_api_key


def digest_of(key: str) -> bytes:
    """SHA-256 of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _split(value: SecretStr | None, setting: str) -> list[str]:
    keys = [key.strip() for key in value.get_secret_value().split(",")] if value else []
    keys = [key for key in keys if key]
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ConfigurationError(
            f"{setting} holds a key of fewer than {SHORTEST_KEY} characters: "
            "make one with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
        )
    return keys
