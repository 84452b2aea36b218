"""Keys and their duties, and the settings that are refused at start."""

import hashlib
import hmac
import ipaddress
import ssl
from enum import Enum
from functools import lru_cache

from pydantic import SecretStr

from bento.schemas.problems import FORBIDDEN, UNAUTHORIZED, Problem
from loan_default_assets.settings import Settings

SHORTEST_KEY = 16


class ConfigurationError(ValueError):
    """The service will not start like this; the message names the setting and what to do."""


class Role(Enum):
    """What a key is for. Administration keys predict nothing: the two duties are held apart."""

    USER = "user"
    ADMIN = "admin"


class Keys:
    """The keys of a deployment, kept as digests. Without any, everyone may do everything."""

    def __init__(self, user: list[str], admin: list[str]) -> None:
        self._digests = [(_digest(key), Role.USER) for key in user]
        self._digests += [(_digest(key), Role.ADMIN) for key in admin]

    @classmethod
    def from_settings(cls, settings: Settings) -> "Keys":
        """Raises: ConfigurationError for a short key, one key in both lists, or administration keys alone."""
        user = _split(settings.service_api_keys, "SERVICE_API_KEYS")
        admin = _split(settings.service_admin_keys, "SERVICE_ADMIN_KEYS")
        if set(user) & set(admin):
            raise ConfigurationError(
                "SERVICE_API_KEYS and SERVICE_ADMIN_KEYS share a key: each key has one duty; make another one"
            )
        if admin and not user:
            raise ConfigurationError(
                "SERVICE_ADMIN_KEYS is set and SERVICE_API_KEYS is not: nobody could predict; set both"
            )
        return cls(user, admin)

    def __bool__(self) -> bool:
        return bool(self._digests)

    def role(self, presented: str | None) -> Role | None:
        """Whose key this is; every key is compared, each in constant time."""
        digest = _digest(presented or "")
        found = None
        for known, role in self._digests:
            if hmac.compare_digest(digest, known):
                found = role
        return found

    def refusal(self, role: Role | None, allowed: frozenset[Role]) -> Problem | None:
        """None when the holder of such a key may use what is open to `allowed`; nobody in it: open to all."""
        if not self._digests or not allowed or role in allowed:
            return None
        return UNAUTHORIZED if role is None else FORBIDDEN


def presented_key(authorization: str | None, x_api_key: str | None) -> str | None:
    """The key of `Authorization: Bearer KEY` or of `X-API-Key: KEY`."""
    if authorization and authorization[:7].lower() == "bearer ":
        return authorization[7:].strip()
    return x_api_key


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check(settings: Settings) -> Keys:
    """What must hold before a port is opened. Raises: ConfigurationError naming the setting."""
    keys = Keys.from_settings(settings)
    try:
        ipaddress.ip_address(settings.service_host)
    except ValueError:
        raise ConfigurationError(
            "SERVICE_HOST is not an IP address: 127.0.0.1 is this machine, 0.0.0.0 every interface"
        ) from None
    if not keys and not is_loopback(settings.service_host):
        raise ConfigurationError(
            f"SERVICE_HOST={settings.service_host} is reached from other machines and no API key is set: "
            "set SERVICE_API_KEYS and SERVICE_ADMIN_KEYS, or SERVICE_HOST=127.0.0.1"
        )
    certificate, key = settings.service_tls_certificate, settings.service_tls_key
    if (certificate is None) != (key is None):
        raise ConfigurationError("SERVICE_TLS_CERTIFICATE and SERVICE_TLS_KEY belong together: set both")
    if certificate and key:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        except OSError as error:
            raise ConfigurationError(
                f"SERVICE_TLS_CERTIFICATE={certificate} and SERVICE_TLS_KEY={key} cannot be used: {error.strerror}"
            ) from None
    return keys


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _split(keys: SecretStr | None, setting: str) -> list[str]:
    found = [key.strip() for key in keys.get_secret_value().split(",")] if keys else []
    found = [key for key in found if key]
    if any(len(key) < SHORTEST_KEY for key in found):
        raise ConfigurationError(
            f"{setting} holds a key of fewer than {SHORTEST_KEY} characters: "
            "make one with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
        )
    return found
