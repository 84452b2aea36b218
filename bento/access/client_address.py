"""The address of a client, also behind a proxy: forwarded addresses are believed only of trusted proxies."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# One client usually has a whole network of this size.
IPV6_CLIENT_BITS = 64


def networks(setting: str | None) -> tuple[Network, ...]:
    """The networks of a comma-separated setting; an address is a network of one.

    >>> networks("10.0.0.0/8, ::1")
    (IPv4Network('10.0.0.0/8'), IPv6Network('::1/128'))

    Raises:
        ValueError: An entry is neither an address nor a network.
    """
    return tuple(ipaddress.ip_network(each.strip()) for each in (setting or "").split(",") if each.strip())


class ClientAddresses:
    """Finds out which client sends a request.

    Args:
        trusted: The proxies whose `X-Forwarded-For` is believed.
    """

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """The address, or network of addresses, that counts as one client.

        Args:
            peer: The address of the other end of the connection.
            forwarded: The values of `X-Forwarded-For`, in order; each proxy has appended its own peer.

        Returns:
            The last address that is not a trusted proxy's; the peer itself where it is not trusted.
        """
        address = _address(peer)
        hops = [hop.strip() for value in forwarded for hop in value.split(",")]
        while address and hops and any(address in network for network in self._trusted):
            following = _address(hops.pop())
            if following is None:
                break
            address = following
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, IPV6_CLIENT_BITS), strict=False))
        return str(address or peer)

    def is_secure(self, peer: str, scheme: str, forwarded: str) -> bool:
        """Whether the client speaks TLS: with the service, or with the trusted proxy before it.

        Args:
            peer: The address of the other end of the connection.
            scheme: Of the connection.
            forwarded: The value of `X-Forwarded-Proto`.
        """
        address = _address(peer)
        trusted = address is not None and any(address in network for network in self._trusted)
        return scheme == "https" or (trusted and forwarded.strip().lower() == "https")


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def grpc_peer(peer: str) -> str:
    """The address of a peer as gRPC writes it, without its port.

    >>> grpc_peer("ipv4:127.0.0.1:1234"), grpc_peer("ipv6:%5B::1%5D:1234")
    ('127.0.0.1', '::1')
    """
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")
