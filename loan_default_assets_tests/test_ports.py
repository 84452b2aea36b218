"""Addresses of this machine, and the proxies that do not lie on the way to them."""

import httpx
import pytest

from loan_default_assets.ports import bypass_proxies, local_address

PROXY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("environment", "no_proxy"),
    [
        ({}, None),
        ({"no_proxy": "intranet"}, "intranet"),
        ({"http_proxy": PROXY}, "127.0.0.1,localhost,::1"),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "intranet, localhost"}, "intranet,localhost,127.0.0.1,::1"),
        (
            {"https_proxy": PROXY, "no_proxy": "a", "NO_PROXY": "b"},
            "a,b,127.0.0.1,localhost,::1",
        ),
        ({"http_proxy": PROXY, "no_proxy": "*"}, "*"),
    ],
)
def test_loopback_names_join_the_names_without_a_proxy(
    environment: dict[str, str], no_proxy: str | None
) -> None:
    bypass_proxies(environment)
    assert environment.get("no_proxy") == no_proxy
    if "127.0.0.1" in (no_proxy or ""):
        assert environment["NO_PROXY"] == no_proxy


def test_a_library_then_asks_this_machine_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    environment = {"http_proxy": PROXY, "no_proxy": "localhost"}
    bypass_proxies(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with httpx.Client() as client:
        proxied, direct = (
            client._transport_for_url(httpx.URL(url)) for url in ("http://example.com", "http://127.0.0.1:1")
        )
    assert proxied is not direct
    assert direct is client._transport


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("fd00::1", "[fd00::1]"),
    ],
)
def test_this_machine_reaches_what_listens_on_an_address(host: str, address: str) -> None:
    assert local_address(host) == address
