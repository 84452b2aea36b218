"""API keys and their roles."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from itertools import combinations
from types import MappingProxyType

from pydantic import SecretStr

from bento.schemas.problems import FORBIDDEN, UNAUTHORIZED, Problem
from loan_default_assets.settings import Settings

SHORTEST_KEY = 16
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ConfigurationError(ValueError):
    """The service cannot start with these settings; the message names the setting and the fix."""


class Role(Enum):
    """What a key is for; a key has one role, and no role includes another."""

    USER = "user"
    ADMIN = "admin"
    EXPLAIN = "explain"
    OVERRIDE = "override"
    APPROVE = "approve"


_SETTINGS = {
    Role.USER: "SERVICE_API_KEYS",
    Role.ADMIN: "SERVICE_ADMIN_KEYS",
    Role.EXPLAIN: "SERVICE_EXPLAIN_KEYS",
    Role.OVERRIDE: "SERVICE_OVERRIDE_KEYS",
    Role.APPROVE: "SERVICE_APPROVE_KEYS",
}


class Keys:
    """The keys of a deployment, kept as digests. Without keys, every client has every permission.

    Args:
        approve: The name of the person to whom it belongs, by key.
    """

    def __init__(
        self,
        user: Sequence[str],
        admin: Sequence[str],
        explain: Sequence[str] = (),
        override: Sequence[str] = (),
        approve: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        by_role = {
            Role.USER: user,
            Role.ADMIN: admin,
            Role.EXPLAIN: explain,
            Role.OVERRIDE: override,
            Role.APPROVE: approve,
        }
        self._people = {digest_of(key): name for key, name in approve.items()}
        self._digests = [(digest_of(key), role) for role, keys in by_role.items() for key in keys]

    @classmethod
    def from_settings(cls, settings: Settings) -> "Keys":
        """Read the settings with the keys of each role.

        Raises:
            ConfigurationError: A key is too short or has two roles, or there are keys but none that may predict.
        """
        keys: dict[Role, Sequence[str]] = {
            role: _split(getattr(settings, setting.lower()), setting)
            for role, setting in _SETTINGS.items()
            if role is not Role.APPROVE
        }
        approve = _named(settings.service_approve_keys)
        keys[Role.APPROVE] = list(approve)
        for one, other in combinations(keys, 2):
            if set(keys[one]) & set(keys[other]):
                raise ConfigurationError(
                    f"{_SETTINGS[one]} and {_SETTINGS[other]} share a key: a key has one role; make another key"
                )
        given = [_SETTINGS[role] for role, found in keys.items() if found]
        if given and not keys[Role.USER]:
            raise ConfigurationError(
                f"{given[0]} is set and SERVICE_API_KEYS is not: no client could predict; set both"
            )
        return cls(keys[Role.USER], keys[Role.ADMIN], keys[Role.EXPLAIN], keys[Role.OVERRIDE], approve)

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

    def person(self, presented: str | None) -> str | None:
        """Whose key it is; None for a key of another role than approve."""
        return self._people.get(digest_of(presented or ""))

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


@lru_cache(maxsize=64)
def key_id(key: str) -> str:
    """The name of a key in records, from which the key cannot be computed: 16 hexadecimal digits.

    scrypt makes guesses at a short key as slow as guesses at a password.
    """
    derived = hashlib.scrypt(
        key.encode("utf-8", "surrogateescape"), salt=b"loan-default key id", n=2**14, r=8, p=1, dklen=8
    )
    return derived.hex()


def presented_key(authorization: str | None, x_api_key: str | None) -> str | None:
    """The key of `Authorization: Bearer KEY` or of `X-API-Key: KEY`."""
    if authorization and authorization[:7].lower() == "bearer ":
        return authorization[7:].strip()
    return x_api_key


def digest_of(key: str) -> bytes:
    """SHA-256 of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _named(value: SecretStr | None) -> dict[str, str]:
    """The names in `NAME=KEY,NAME=KEY` by key."""
    setting, named = _SETTINGS[Role.APPROVE], {}
    for entry in value.get_secret_value().split(",") if value else []:
        name, separator, key = (part.strip() for part in entry.partition("="))
        if not entry.strip():
            continue
        if not (separator and _NAME.fullmatch(name)) or key in named:
            raise ConfigurationError(
                f"{setting}: expected NAME=KEY,NAME=KEY, with the name of one person before each key, as the user of "
                "the operating system is named (letters, digits, . _ -), and no key twice"
            )
        named[key] = name
    _refuse_short(list(named), setting)
    return named


def _split(value: SecretStr | None, setting: str) -> list[str]:
    keys = [key.strip() for key in value.get_secret_value().split(",")] if value else []
    keys = [key for key in keys if key]
    _refuse_short(keys, setting)
    return keys


def _refuse_short(keys: Sequence[str], setting: str) -> None:
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ConfigurationError(
            f"{setting} holds a key of fewer than {SHORTEST_KEY} characters: "
            "make one with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
        )
