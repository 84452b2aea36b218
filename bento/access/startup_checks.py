"""Whether a port is free, asked before anything is started."""

import socket

from bento.access.api_keys import ConfigurationError


def refuse_taken(host: str, port: int, setting: str) -> None:
    """Raises: ConfigurationError when something listens there; workers share their port and would not notice."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # Without it a port that was in use a minute ago counts as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"{setting}={port} cannot be used on {host} ({error.strerror}): "
                f"stop the process that has it, or set {setting} to another port"
            ) from None
