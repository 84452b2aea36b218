"""Addresses of this machine and their TCP ports: who reaches an address, and whether a port is free."""

import ipaddress
import socket
from collections.abc import MutableMapping
from functools import lru_cache

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


def is_address(host: str) -> bool:
    """Whether it is an IPv4 or IPv6 address and not a name."""
    return _parsed(host) is not None


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; False for a name."""
    address = _parsed(host)
    return address is not None and address.is_loopback


def is_unspecified(host: str) -> bool:
    """Whether a server that listens on the address is reached by every address of this machine."""
    address = _parsed(host)
    return address is not None and address.is_unspecified


def with_port(host: str, port: int) -> str:
    """Address and port as gRPC writes them.

    >>> with_port("127.0.0.1", 50051), with_port("::1", 50051)
    ('127.0.0.1:50051', '[::1]:50051')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def local_address(host: str) -> str:
    """The address, as URLs write it, under which this machine reaches a server that listens on `host`.

    >>> local_address("0.0.0.0"), local_address("::"), local_address("fd00::1")
    ('127.0.0.1', '[::1]', '[fd00::1]')
    """
    if is_unspecified(host):
        return "[::1]" if ":" in host else "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def bypass_proxies(environment: MutableMapping[str, str]) -> None:
    """Exempt this machine's own names from a proxy, for this process, its libraries and its children.

    Args:
        environment: Environment variables; `no_proxy` is extended where a proxy is set.
    """
    if not any(environment.get(name) or environment.get(name.upper()) for name in _PROXIES):
        return
    given = [environment[name] for name in ("no_proxy", "NO_PROXY") if environment.get(name)]
    exempt = [name.strip() for names in given for name in names.split(",") if name.strip()]
    # Both spellings, because each is read by some library, and the lower one wins in others.
    everywhere = ",".join(dict.fromkeys([*exempt, *_LOOPBACK_NAMES]))
    environment["no_proxy"] = environment["NO_PROXY"] = "*" if "*" in exempt else everywhere


def in_use(port: int, host: str = "127.0.0.1") -> bool:
    """Whether another process listens on the port; a connection that has just ended does not count.

    Args:
        port: A TCP port, 1 to 65535.
        host: An IPv4 or IPv6 address of this machine.
    """
    return bind_error(port, host) is not None


def bind_error(port: int, host: str = "127.0.0.1") -> OSError | None:
    """Why the port cannot be listened on; None where it can."""
    with socket.socket(_family(host)) as probe:
        # Without it a port that was in use a minute ago counts as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def free_port(preferred: int, host: str = "127.0.0.1") -> int:
    """The preferred port, or any free one where it is in use."""
    if not in_use(preferred, host):
        return preferred
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
