"""Sessions of browsers: what the cookie is worth, for how long, and to whom."""

from types import SimpleNamespace

import pytest
from cryptography import fernet
from cryptography.fernet import Fernet

from bento.access import sessions
from bento.access.api_keys import Keys, Role
from bento.access.client_address import ClientAddresses, networks
from bento.access.sessions import COOKIE, SECURE_COOKIE, SESSION_SECONDS, Sessions, cookie_header

USER, OTHER, ADMIN = "user-key-0123456789", "other-key-0123456789", "admin-key-0123456789"
KEYS = Keys([USER, OTHER], [ADMIN])


def token_of(key: str, keys: Keys = KEYS) -> str:
    token = Sessions(keys).issue(key)
    assert token is not None
    return token


@pytest.mark.parametrize(("key", "role"), [(USER, Role.USER), (OTHER, Role.USER), (ADMIN, Role.ADMIN)])
def test_every_worker_with_the_same_keys_reads_the_role(key: str, role: Role) -> None:
    # The order of the keys in the settings does not matter.
    session = Sessions(Keys([OTHER, USER], [ADMIN])).read(f"{COOKIE}={token_of(key)}", secure=False)
    assert session is not None
    assert session.role is role


@pytest.mark.parametrize("key", ["", "wrong-key-0123456789", USER[:-1], f" {USER}"])
def test_an_unknown_key_gets_no_session(key: str) -> None:
    assert Sessions(KEYS).issue(key) is None


def test_the_cookie_holds_no_key_and_no_digest_of_one() -> None:
    token = token_of(USER)
    payload = Sessions(KEYS)._fernet.decrypt(token.encode())
    for digest, _ in KEYS.digests():
        assert digest not in payload
        assert digest.hex()[:16].encode() not in payload
    assert USER not in token
    assert USER.encode() not in payload


@pytest.mark.parametrize(
    ("cookies", "secure", "known"),
    [
        ("{name}={token}", False, True),
        ("a=b; {name}={token}; c=d", False, True),
        ("__Host-{name}={token}", True, True),
        # Over TLS a cookie that a page of plain HTTP could have set is not believed.
        ("{name}={token}", True, False),
        ("__Host-{name}={token}", False, False),
        ("{name}={token}x", False, False),
        ("{name}=", False, False),
        ("{name}=ü", False, False),
        ("", False, False),
        ("{name}=" + Fernet(Fernet.generate_key()).encrypt(b"x").decode(), False, False),
    ],
)
def test_which_cookies_are_a_session(cookies: str, secure: bool, known: bool) -> None:
    text = cookies.format(name=COOKIE, token=token_of(USER))
    assert (Sessions(KEYS).read(text, secure=secure) is not None) == known


@pytest.mark.parametrize(("age", "known"), [(0, True), (SESSION_SECONDS, True), (SESSION_SECONDS + 1, False)])
def test_a_session_ends_after_an_hour(age: int, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000
    monkeypatch.setattr(fernet, "time", SimpleNamespace(time=lambda: now))
    token = token_of(USER)
    now += age
    assert (Sessions(KEYS).read(f"{COOKIE}={token}", secure=False) is not None) == known


@pytest.mark.parametrize("keys", [Keys([OTHER], [ADMIN]), Keys([USER, OTHER], []), Keys([], [])])
def test_other_keys_end_the_session(keys: Keys) -> None:
    assert Sessions(keys).read(f"{COOKIE}={token_of(USER)}", secure=False) is None


@pytest.mark.parametrize(("secure", "name"), [(False, COOKIE), (True, SECURE_COOKIE)])
def test_scripts_and_other_sites_do_not_get_the_cookie(secure: bool, name: str) -> None:
    parts = cookie_header("abc", secure=secure).split("; ")
    assert parts[0] == f"{name}=abc"
    assert {"HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={sessions.SESSION_SECONDS}"} <= set(parts)
    assert ("Secure" in parts) == secure
    assert "Max-Age=0" in cookie_header("", secure=secure)


@pytest.mark.parametrize(
    ("peer", "scheme", "forwarded", "secure"),
    [
        ("10.0.0.1", "https", "", True),
        ("10.0.0.1", "http", "https", True),
        ("10.0.0.1", "http", "http", False),
        ("10.0.0.1", "http", "", False),
        # Only a trusted proxy is believed.
        ("192.0.2.7", "http", "https", False),
        ("", "http", "https", False),
    ],
)
def test_whether_a_client_speaks_tls(peer: str, scheme: str, forwarded: str, secure: bool) -> None:
    assert ClientAddresses(networks("10.0.0.0/8")).is_secure(peer, scheme, forwarded) == secure
