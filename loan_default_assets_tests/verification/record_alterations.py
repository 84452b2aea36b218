"""Alterations of erasures, provenance of batch scores, refused records and alerts; a table as `alterations`."""

import hashlib
import random
from collections.abc import Callable

import psycopg2

from loan_default_assets.warehouse.chain_links import stored_chains
from loan_default_assets_tests.verification.alterations import Alteration
from loan_default_assets_tests.verification.recorded_bank import RecordedBank

Do = Callable[[RecordedBank, random.Random], str]

_KEYS = {
    "erasures": "subject_sha256, erased_at",
    "scored_partitions": "partition_key, model_version, features_sha256, sha256",
    "refused_predictions": "sha256",
    "alerts": "id, kind, raised_at",
    "alert_deliveries": "alert, outcome",
}
# A value besides the key, and a row that was never written.
_CHANGED = {
    "erasures": "predictions = predictions + 1",
    "scored_partitions": "pd_sum = pd_sum + 1",
    "refused_predictions": "reason = 'another'",
    "alerts": "title = 'another'",
    "alert_deliveries": "channel = 'webhook'",
}
_ADDED = {
    "erasures": "SELECT sha256('loan x'), erased_at, predictions, rows, refused_records FROM erasures",
    "scored_partitions": "SELECT partition_key, model_version, feature_hash, features_sha256, rows, pd_sum, "
    "repeat('0', 64), scored_at FROM scored_partitions",
    "refused_predictions": "SELECT sha256('{}'), '{}', reason, refused_at FROM refused_predictions",
    "alerts": "(key, kind, subject, title, text) SELECT 'added', kind, subject, title, text FROM alerts",
    "alert_deliveries": "SELECT alert, 'failed', channel, at FROM alert_deliveries",
}


def anchored(bank: RecordedBank, table: str) -> tuple[str, int]:
    """The chain of a table that the last decision anchored, and its last link then."""
    [found] = bank.alter(
        "SELECT a.key, (a.value ->> 0)::integer FROM champion_decisions d, jsonb_each(d.anchors) a "
        "WHERE d.id = (SELECT max(id) FROM champion_decisions) AND split_part(a.key, '/', 1) = %(table)s "
        "ORDER BY 2 DESC, 1 LIMIT 1",
        table=table,
    )
    return found


def _record(bank: RecordedBank, chain: str, link: int) -> str:
    [(record,)] = bank.alter(
        "SELECT record FROM record_links WHERE chain = %(chain)s AND link = %(link)s", chain=chain, link=link
    )
    return str(record)


def _row(table: str) -> str:
    """Condition of the rows that the records of these links name."""
    return f"jsonb_build_array({_KEYS[table]}) = ANY(SELECT record::jsonb FROM record_links WHERE {_LINKS})"


_UTC = "SET timezone TO 'UTC'"
_LINKS = "chain = %(chain)s AND link BETWEEN %(first)s AND %(last)s"


def _changing(table: str) -> Do:
    def do(bank: RecordedBank, rng: random.Random) -> str:
        chain, last = anchored(bank, table)
        link = rng.randint(1, last)
        statement = f"UPDATE {table} SET {_CHANGED[table]} WHERE {_row(table)}"
        bank.alter(_UTC, statement, chain=chain, first=link, last=link)
        return f"row {_record(bank, chain, link)}"

    return do


def _deleting(table: str) -> Do:
    def do(bank: RecordedBank, rng: random.Random) -> str:
        chain, last = anchored(bank, table)
        link = rng.randint(1, last)
        bank.alter(_UTC, f"DELETE FROM {table} WHERE {_row(table)}", chain=chain, first=link, last=link)
        return f"row {_record(bank, chain, link)}"

    return do


def _deleting_links(table: str, *, newest: bool) -> Do:
    """Rows with their links: the first of the chain, or all from the anchored one on."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        chain, last = anchored(bank, table)
        first, end = (last, 1_000_000) if newest else (1, 1)
        statements = (f"DELETE FROM {table} WHERE {_row(table)}", f"DELETE FROM record_links WHERE {_LINKS}")
        bank.alter(_UTC, *statements, chain=chain, first=first, last=end)
        return f"link {first} of chain {chain}"

    return do


def _adding(table: str) -> Do:
    def do(bank: RecordedBank, rng: random.Random) -> str:
        bank.alter(f"INSERT INTO {table} {_ADDED[table]} LIMIT 1")
        return "row ["

    return do


def _exchanging_links(table: str) -> Do:
    def do(bank: RecordedBank, rng: random.Random) -> str:
        chain, _ = anchored(bank, table)
        bank.alter(
            f"UPDATE record_links SET link = 1000 - link WHERE {_LINKS}",
            "UPDATE record_links SET link = link - 997 WHERE chain = %(chain)s AND link > 900",
            chain=chain,
            first=1,
            last=2,
        )
        return f"link 1 of chain {chain}"

    return do


def _exchanging_values(column: str) -> Do:
    """Between the two oldest refused records."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        bank.alter(
            f"WITH two AS (SELECT sha256, {column}, row_number() OVER (ORDER BY refused_at) AS number "
            f"FROM refused_predictions LIMIT 2) UPDATE refused_predictions r SET {column} = o.{column} "
            "FROM two t JOIN two o ON o.number <> t.number WHERE r.sha256 = t.sha256"
        )
        return "row ["

    return do


def _writing_again(table: str) -> Do:
    """Alter the first row of a chain, and compute its digest and all hashes of the chain again."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        chain, last = anchored(bank, table)
        statement = f"UPDATE {table} SET {_CHANGED[table]} WHERE {_row(table)}"
        bank.alter(_UTC, statement, chain=chain, first=1, last=1)
        with bank.session() as session, stored_chains(session.database) as stored:
            texts = dict(stored.records(table))
            links = [(number, key) for name, number, key, _, _ in stored.record_links() if name == chain]
        before = hashlib.sha256(chain.encode()).digest()
        for number, key in links:
            digest = hashlib.sha256(texts[key].encode()).digest()
            before = hashlib.sha256(before + digest).digest()
            bank.alter(
                f"UPDATE record_links SET digest = %(digest)s, hash = %(hash)s WHERE {_LINKS}",
                chain=chain,
                first=number,
                last=number,
                digest=psycopg2.Binary(digest),
                hash=psycopg2.Binary(before),
            )
        return f"link {last} of chain {chain}"

    return do


def _executing(*statements: str, row: str = "row [") -> Do:
    def do(bank: RecordedBank, rng: random.Random) -> str:
        bank.alter(*statements)
        return row

    return do


_ERASED = "sha256 IN (SELECT sha256 FROM erased_records)"
_NOT_ERASED = (
    "sha256 = (SELECT max(sha256) FROM refused_predictions "
    "WHERE sha256 NOT IN (SELECT sha256 FROM erased_records))"
)
_ALTERED, _ADDED_ROW, _MISSING = "the row was altered", "none: it was added", "found it is missing"
RECORD_ALTERATIONS = {
    f"{table}: {name}": alteration
    for table in _KEYS
    for name, alteration in {
        "a changed value": Alteration("row", table, _ALTERED, _changing(table)),
        "a deleted row": Alteration("row", table, _MISSING, _deleting(table)),
        "a deleted row with its link": Alteration(
            "chain",
            "record_links",
            "expected the link; found it is missing",
            _deleting_links(table, newest=False),
        ),
        "the last rows with their links": Alteration(
            "chain", "record_links", "the chain ends at link", _deleting_links(table, newest=True)
        ),
        "an added row": Alteration("row", table, _ADDED_ROW, _adding(table)),
        "two links in another order": Alteration(
            "chain", "record_links", "of the hash before it and of its digest", _exchanging_links(table)
        ),
        "a changed value whose chain was computed again": Alteration(
            "chain", "record_links", "the chain was written again", _writing_again(table)
        ),
    }.items()
} | {
    "erasures: a key destroyed with an erasure that is recorded behind the triggers": Alteration(
        "row",
        "erasures",
        _ADDED_ROW,
        _executing(
            "UPDATE prediction_keys k SET key = NULL FROM predictions p WHERE p.loan_id = '000-002' "
            "AND (p.request_id, p.position) = (k.request_id, k.position)",
            "INSERT INTO erasures VALUES (sha256('loan 000-002'), now(), 1, 0, 0)",
        ),
    ),
    "erasures: another time": Alteration(
        "row",
        "erasures",
        _ADDED_ROW,
        _executing("UPDATE erasures SET erased_at = erased_at - interval '1 day'"),
    ),
    "refused_predictions: another record": Alteration(
        "row",
        "refused_predictions",
        "as it was refused",
        _executing(f"UPDATE refused_predictions SET record = '{{}}' WHERE {_NOT_ERASED}"),
    ),
    "refused_predictions: another record with its hash": Alteration(
        "row",
        "refused_predictions",
        _ADDED_ROW,
        _executing(
            f"UPDATE refused_predictions SET record = '{{}}', sha256 = sha256('{{}}') WHERE {_NOT_ERASED}"
        ),
    ),
    "refused_predictions: two records exchanged": Alteration(
        "row", "refused_predictions", "the record was altered", _exchanging_values("record")
    ),
    "refused_predictions: two times exchanged": Alteration(
        "row", "refused_predictions", _ALTERED, _exchanging_values("refused_at")
    ),
    "refused_predictions: another content of an erased record": Alteration(
        "row",
        "refused_predictions",
        "as its last erasure left it",
        _executing(f"UPDATE refused_predictions SET record = '{{}}' WHERE {_ERASED}"),
    ),
    "erased_records: another content with its hash": Alteration(
        "row",
        "erased_records",
        _ALTERED,
        _executing(
            f"UPDATE refused_predictions SET record = '{{}}' WHERE {_ERASED}",
            "UPDATE erased_records SET record_sha256 = sha256('{}')",
        ),
    ),
    "erased_records: a deleted row": Alteration(
        "row", "erased_records", _MISSING, _executing("DELETE FROM erased_records")
    ),
    "erased_records: an added row": Alteration(
        "row",
        "erased_records",
        _ADDED_ROW,
        _executing(
            "INSERT INTO erased_records SELECT sha256, now(), sha256('{}') FROM refused_predictions "
            f"WHERE {_NOT_ERASED}",
            f"UPDATE refused_predictions SET record = '{{}}' WHERE {_NOT_ERASED}",
        ),
    ),
    "erased_scores: a changed hash": Alteration(
        "row", "erased_scores", _ALTERED, _executing("UPDATE erased_scores SET sha256 = repeat('0', 64)")
    ),
    "erased_scores: a deleted row": Alteration(
        "row", "erased_scores", _MISSING, _executing("DELETE FROM erased_scores")
    ),
    "erased_scores: an added row": Alteration(
        "row",
        "erased_scores",
        _ADDED_ROW,
        _executing(
            "INSERT INTO erased_scores SELECT partition_key, now(), 'x', 0, sha256 FROM erased_scores LIMIT 1"
        ),
    ),
    "chain_starts: an added row": Alteration(
        "row",
        "chain_starts",
        _ADDED_ROW,
        _executing("INSERT INTO chain_starts VALUES ('erasures', now(), 5)"),
    ),
}
