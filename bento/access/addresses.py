"""IP addresses: which are reached from this machine only, and how gRPC writes them with a port."""

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; False for a name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def with_port(host: str, port: int) -> str:
    """Address and port as gRPC writes them.

    >>> with_port("127.0.0.1", 50051), with_port("::1", 50051)
    ('127.0.0.1:50051', '[::1]:50051')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
