"""The password of Dagster's UI: hashed with scrypt, and compared in constant time."""

import hashlib
import hmac
import re
import secrets

# 32 MB and about a quarter of a second: OWASP's password storage cheat sheet, scrypt.
_COST, _BLOCK, _LANES = 1 << 15, 8, 3
_MEMORY = 64 << 20
# Without $, which Compose would replace in an `.env` file.
_HASHED = re.compile(r"scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2}):([0-9a-f]{32,}):([0-9a-f]{64})")
FEWEST_CHARACTERS = 12


class PasswordError(ValueError):
    """A password cannot be used; the message does not quote it."""


def hash_password(password: str) -> str:
    """The text `scrypt:cost:block:lanes:salt:hash` that DAGSTER_UI_PASSWORD accepts in place of the password.

    Raises:
        PasswordError: The password is too short.
    """
    if len(password) < FEWEST_CHARACTERS:
        raise PasswordError(f"must have at least {FEWEST_CHARACTERS} characters, got {len(password)}")
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, _COST, _BLOCK, _LANES)
    return f"scrypt:{_COST}:{_BLOCK}:{_LANES}:{salt.hex()}:{digest.hex()}"


class Password:
    """A password that is known by its hash only."""

    def __init__(self, given: str) -> None:
        """
        Args:
            given: A password, or what `hash_password` returned for it.

        Raises:
            PasswordError: It is too short, or a hash that cannot be read.
        """
        hashed = given if given.startswith("scrypt:") else hash_password(given)
        match = _HASHED.fullmatch(hashed)
        if match is None:
            raise PasswordError("starts with scrypt: but is no hash that `loan-default hash-password` prints")
        self._costs = int(match[1]), int(match[2]), int(match[3])
        self._salt, self._digest = bytes.fromhex(match[4]), bytes.fromhex(match[5])
        try:
            _scrypt("", self._salt, *self._costs)
        except ValueError:
            raise PasswordError(
                "its scrypt parameters cannot be used; run: loan-default hash-password"
            ) from None
        self._key = secrets.token_bytes(32)
        self._accepted: bytes | None = None

    def is_accepted(self, password: str) -> bool:
        """Whether `matches` has accepted this password before; takes microseconds, for each request after a login."""
        return self._accepted is not None and hmac.compare_digest(self._accepted, self._mac(password))

    def matches(self, password: str) -> bool:
        """Whether it is the password; takes the time of one scrypt."""
        found = hmac.compare_digest(self._digest, _scrypt(password, self._salt, *self._costs))
        if found:
            self._accepted = self._mac(password)
        return found

    def _mac(self, password: str) -> bytes:
        return hmac.digest(self._key, password.encode(), "sha256")


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=_MEMORY, dklen=32)
