"""Sessions of browsers, which send no API key: a cookie that stands for a key and ends after an hour.

The cookie is encrypted and signed with a secret that is derived from all keys, so every worker and replica with the
same keys reads it, and a change of the keys ends all sessions. It names the key by a digest, never the key itself.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from starlette.requests import cookie_parser

from bento.access.api_keys import Keys, Role, digest_of

SESSION_SECONDS = 3600
COOKIE = "loan_default_session"
# A browser accepts this prefix over TLS only, and from this host only.
SECURE_COOKIE = f"__Host-{COOKIE}"


@dataclass(frozen=True)
class BrowserSession:
    """A browser that has presented a key: the key's digest, as an identity for the rate limit, and its role."""

    key: str
    role: Role


class Sessions:
    """Issues and reads session cookies.

    Args:
        keys: The API keys. Without keys there are no sessions.
    """

    def __init__(self, keys: Keys) -> None:
        secret = hashlib.sha256(b"".join(sorted(digest for digest, _ in keys.digests()))).digest()
        self._secret = hmac.digest(secret, b"loan-default: sessions of browsers", "sha256")
        self._fernet = Fernet(urlsafe_b64encode(self._secret))
        sessions = [BrowserSession(self._name(digest), role) for digest, role in keys.digests()]
        self._sessions = {session.key: session for session in sessions}

    def issue(self, key: str) -> str | None:
        """The value of the cookie for a key; None for an unknown key."""
        # Found by a keyed digest, so the time of the search says nothing about the keys.
        name = self._name(digest_of(key))
        return self._fernet.encrypt(name.encode()).decode() if name in self._sessions else None

    def read(self, cookies: str, *, secure: bool) -> BrowserSession | None:
        """The session of a request; None without one, after an hour, or once its key has been removed.

        Args:
            cookies: The `Cookie` header.
            secure: Whether the request came over TLS, where only the cookie with the prefix counts.
        """
        token = cookie_parser(cookies).get(SECURE_COOKIE if secure else COOKIE)
        if not token:
            return None
        try:
            name = self._fernet.decrypt(token.encode("utf-8", "replace"), ttl=SESSION_SECONDS).decode()
        except InvalidToken:
            return None
        return self._sessions.get(name)

    def _name(self, digest: bytes) -> str:
        return hmac.new(self._secret, digest, "sha256").hexdigest()[:32]


def cookie_header(token: str, *, secure: bool) -> str:
    """The `Set-Cookie` header of a session; an empty token ends it."""
    name, flag = (SECURE_COOKIE, "; Secure") if secure else (COOKIE, "")
    seconds = SESSION_SECONDS if token else 0
    return f"{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{flag}"
