"""The one probe of TCP ports: before a process listens, and to find a free port."""

import socket


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
