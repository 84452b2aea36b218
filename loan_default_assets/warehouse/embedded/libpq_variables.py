"""Variables of libpq, PostgreSQL's client library: none of them changes a connection to the embedded server."""

import contextlib
import os
from collections.abc import Iterator

# What a connection string can state is stated, so that variables which protect connections to other servers (a SQL
# source, for example) stay as they are.
CONNECTION_OPTIONS = {
    "sslmode": "disable",
    "gssencmode": "disable",
    "channel_binding": "disable",
    "require_auth": "none",
}
# libpq reads these whatever the connection string says, or the string has no value that means "not set".
DROPPED = (
    "PGCLIENTENCODING",
    "PGCONNECT_TIMEOUT",
    "PGDATESTYLE",
    "PGGEQO",
    "PGHOSTADDR",
    "PGLOADBALANCEHOSTS",
    "PGMAXPROTOCOLVERSION",
    "PGMINPROTOCOLVERSION",
    "PGOPTIONS",
    "PGREQUIREPEER",
    "PGSERVICE",
    "PGSSLNEGOTIATION",
    "PGTARGETSESSIONATTRS",
    "PGTZ",
)


@contextlib.contextmanager
def dropped_variables() -> Iterator[None]:
    """Without the variables of DROPPED, in this process and in the children that it starts."""
    before = {name: os.environ.pop(name) for name in DROPPED if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)
