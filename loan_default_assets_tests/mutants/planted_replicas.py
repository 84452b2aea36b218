"""Planted faults of the service's replicas: how they learn of a promotion, of a reload and of each other."""

from loan_default_assets_tests.mutants.mutant import WAREHOUSE, Mutant, mutant

LINK = "bento/operations/replica_link.py"
WORKER = "bento/operations/worker.py"
ROWS = f"{WAREHOUSE}/service_workers.py"
TEST = "bento/operations/test_replicas.py"

REPLICA_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "a promotion notifies the replicas",
        "sql/010_service_replicas.sql",
        "NEW.status = 'champion')",
        "NEW.status = 'nothing')",
        TEST,
    ),
    mutant(
        "a notification holds the name of the schema alone",
        "sql/010_service_replicas.sql",
        "pg_notify('loan_default_service', TG_TABLE_SCHEMA)",
        "pg_notify('loan_default_service', NEW.version)",
        TEST,
    ),
    mutant(
        "a notification of another portfolio wakes no worker",
        ROWS,
        "if database.schema in payloads:",
        "if payloads:",
        TEST,
    ),
    mutant(
        "no notifications are expected through a connection pooler",
        ROWS,
        "direct = bool(process == connection.info.backend_pid)",
        "direct = True",
        TEST,
    ),
    mutant(
        "a killed worker counts as lost",
        ROWS,
        '_ALIVE = "seen_at > clock_timestamp() - make_interval(secs => lost_after_seconds)"',
        '_ALIVE = "seen_at > clock_timestamp() - make_interval(secs => 60 * lost_after_seconds)"',
        TEST,
    ),
    mutant(
        "the row of a lost worker stays until its replica is back",
        ROWS,
        "AND (replica = %(replica)s OR",
        "AND (true OR",
        TEST,
    ),
    mutant(
        "a missed notification is made up for by polling",
        WORKER,
        "await asyncio.wait_for(self._poll_now.wait(), self.settings.service_poll_seconds)",
        "await self._poll_now.wait()",
        TEST,
    ),
    mutant(
        "a worker polls after its connection was lost",
        LINK,
        "            changed = True\n",
        "            changed = False\n",
        TEST,
    ),
    mutant(
        "a reload request reaches the other replicas",
        LINK,
        "requested, self.newest_reload = newest != self.newest_reload, newest",
        "requested, self.newest_reload = False, 0",
        TEST,
    ),
    mutant(
        "a reload waits for every living worker",
        WORKER,
        "and all(w.handled >= number for w in alive)",
        "",
        TEST,
    ),
    mutant(
        "a reload does not wait for a lost worker",
        LINK,
        "for worker in service_workers.listed(cursor) if worker.alive]",
        "for worker in service_workers.listed(cursor)]",
        TEST,
    ),
    mutant(
        "a worker that stops is forgotten",
        LINK,
        "service_workers.remove(cursor, self._own.worker)",
        "pass",
        TEST,
    ),
    mutant(
        "without the server of DATABASE_DIRECT_URL, the worker uses DATABASE_URL",
        LINK,
        "self._converse(self._database, polling, again)",
        "self._converse(self._direct or self._database, polling, again)",
        TEST,
    ),
    mutant(
        "the worker returns to DATABASE_DIRECT_URL",
        LINK,
        "again = time.monotonic() + DIRECT_AGAIN_SECONDS",
        "again = None",
        TEST,
    ),
    mutant(
        "a client without a key learns nothing of the replicas",
        "bento/http_api/endpoints.py",
        "        if keys and keys.role(key) is None:\n",
        '        body["replicas"] = counts(worker.replicas, worker.champion.wanted)\n'
        "        if keys and keys.role(key) is None:\n",
        "bento/test_transports.py",
    ),
    mutant(
        "a reload over gRPC needs an administration key",
        "bento/access/permissions.py",
        '"/loan_default.v1.LoanDefault/ReloadModel": ADMIN',
        '"/loan_default.v1.LoanDefault/ReloadModel": EITHER',
        "bento/test_transports.py",
    ),
    mutant(
        "a backup has no rows of processes",
        f"{WAREHOUSE}/dump.py",
        '"--format=custom", "--no-unlogged-table-data"',
        '"--format=custom"',
        "commands/test_restore.py",
    ),
)
