"""A proxy in front of a database: it loses connections, or names server processes as a connection pooler does."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.engine import make_url

from loan_default_assets.warehouse.database import normalise

# BackendKeyData of the protocol: its type, its length, then the process id.
_KEY_DATA = b"K\x00\x00\x00\x0c"


class DatabaseProxy:
    """Forwards connections to the Unix socket of a server; `url` leads through it.

    Args:
        url: The database.
        pools: Whether clients are told other process ids than those of the server, as poolers do.
    """

    def __init__(self, url: str, *, pools: bool = False) -> None:
        parsed = make_url(url)
        folder, self._pools = str(parsed.query["host"]), pools
        self._server = f"{folder}/.s.PGSQL.{parsed.query.get('port', '5432')}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        port = self._listener.getsockname()[1]
        tcp = parsed.set(host="127.0.0.1", port=port).difference_update_query(["host", "port"])
        self.url = normalise(tcp.render_as_string(hide_password=False))
        self.refusing = self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> int:
        """Close every connection; how many there were."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for each in pair:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        return len(pairs)

    def close(self) -> None:
        """Close the proxy."""
        self._closed = True
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            with suppress(OSError):
                server.connect(self._server)
            self._pairs.append((client, server))
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                    if not data:
                        return
                    if self._pools and (start := data.find(_KEY_DATA)) >= 0:
                        named = start + len(_KEY_DATA)
                        data = data[:named] + b"\x7f\xff\xff\x01" + data[named + 4 :]
                    key.data.sendall(data)


@contextmanager
def proxied(url: str, *, pools: bool = False) -> Iterator[DatabaseProxy]:
    """A proxy of the database, closed at the end of the block."""
    proxy = DatabaseProxy(url, pools=pools)
    try:
        yield proxy
    finally:
        proxy.close()
