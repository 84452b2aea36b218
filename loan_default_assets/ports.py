"""Whether a port can be listened on."""

import socket


def taken(port: int, host: str = "127.0.0.1") -> bool:
    """True when another process listens there. A connection that has just ended does not count."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
