"""Alterations of batch scores and of the scores of shadows; a table as `alterations`."""

import hashlib
import random
from collections.abc import Callable

import psycopg2

from loan_default_assets.commands.erase import erase, subject_of
from loan_default_assets.warehouse.chain_links import stored_chains
from loan_default_assets.warehouse.linked_shadow_scores import linked_shadow_scores, shadow_digest
from loan_default_assets_tests.verification.alterations import ANOTHER_PD, Alteration
from loan_default_assets_tests.verification.chained_bank import SCORED
from loan_default_assets_tests.verification.record_alterations import anchored
from loan_default_assets_tests.verification.recorded_bank import RecordedBank

Do = Callable[[RecordedBank, random.Random], str]


def _batch(*statements: str, partition: str = SCORED[0]) -> Alteration:
    """Alters a partition, and its first loan where a statement names `(loan)`."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        first = f"partition_key = '{partition}' AND loan_id = (SELECT min(loan_id) FROM scored_loans "
        first += f"WHERE partition_key = '{partition}')"
        bank.alter(
            *(
                each.replace("(loan)", first).replace("(all)", f"partition_key = '{partition}'")
                for each in statements
            )
        )
        return f"partition {partition}"

    return Alteration("provenance", "scored_loans", "or those of an earlier record", do)


def _first_link(bank: RecordedBank) -> tuple[int, int, str, int]:
    """Chain, its anchored link, and request and position of its first link."""
    name, last = anchored(bank, "shadow_predictions")
    chain = int(name.partition("/")[2])
    [(request, position)] = bank.alter(
        "SELECT request_id::text, position FROM shadow_links WHERE chain = %(chain)s AND link = 1",
        chain=chain,
    )
    return chain, last, request, position


def _shadow(*statements: str, row: str = "request {request} position {position} of shadow") -> Do:
    """Alters the score of the first link of an anchored chain."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        chain, last, request, position = _first_link(bank)
        values = {"chain": chain, "last": last, "request": request, "position": position}
        bank.alter(*statements, **values)
        return row.format(**values)

    return do


def _write_again(bank: RecordedBank, rng: random.Random) -> str:
    """Alter a score, and compute its digest and all hashes of its chain again."""
    chain, last, request, position = _first_link(bank)
    bank.alter(
        f"UPDATE shadow_predictions SET {ANOTHER_PD} WHERE {_THIS}", request=request, position=position
    )
    with bank.session() as session, stored_chains(session.database) as stored:
        digests = {
            each.link[1]: shadow_digest(each, each.row) if each.row else each.digest
            for each in linked_shadow_scores(stored, None)
            if each.link and each.link[0] == chain
        }
    before = hashlib.sha256(f"shadow_predictions/{chain}".encode()).digest()
    for number, digest in sorted(digests.items()):
        before = hashlib.sha256(before + digest).digest()
        bank.alter(
            "UPDATE shadow_links SET digest = %(digest)s, hash = %(hash)s WHERE chain = %(chain)s AND link = %(link)s",
            chain=chain,
            link=number,
            digest=psycopg2.Binary(digest),
            hash=psycopg2.Binary(before),
        )
    return f"link {last} of chain shadow_predictions/{chain}"


def _add_by_insert(columns: str) -> Do:
    """As a user of the database, so that the trigger links the score."""

    def do(bank: RecordedBank, rng: random.Random) -> str:
        with bank.session() as session, session.database.transaction() as cursor:
            cursor.execute(
                f"INSERT INTO shadow_predictions SELECT p.request_id, p.position, m.version, {columns}, now() "
                "FROM predictions p, (SELECT version, threshold FROM model_metadata JOIN shadow_models "
                "ON model_version = version) m WHERE p.loan_id = '001-005' AND p.created_at >= '2025-05-01' "
                "RETURNING request_id::text, position"
            )
            ((request, position),) = cursor.fetchall()
        return f"request {request} position {position}"

    return do


def _bring_back(bank: RecordedBank, rng: random.Random) -> str:
    """Erase a loan, and put all scores of its partition back as they were."""
    bank.alter("CREATE TABLE kept AS SELECT * FROM scored_loans WHERE loan_id LIKE '005-%'")
    with bank.session() as session:
        erase(session, subject_of("005-007", None), [])
    bank.alter(
        "DELETE FROM scored_loans WHERE loan_id LIKE '005-%'", "INSERT INTO scored_loans SELECT * FROM kept"
    )
    return f"partition {SCORED[2]}"


_THIS = "request_id = %(request)s AND position = %(position)s"
_OTHER = "NOT (request_id = %(request)s AND position = %(position)s)"
_ALTERED = "the row was altered"
BATCH_ALTERATIONS = {
    "the PD of a loan": _batch("UPDATE scored_loans SET probability = probability / 2 WHERE (loan)"),
    "the last bit of the PD of a loan": _batch(
        "UPDATE scored_loans SET probability = probability * (1 + 3e-16::double precision) WHERE (loan)"
    ),
    "the decision of a loan": _batch("UPDATE scored_loans SET decision = 1 - decision WHERE (loan)"),
    "the id of a loan": _batch("UPDATE scored_loans SET loan_id = 'x' WHERE (loan)"),
    "a deleted loan": _batch("DELETE FROM scored_loans WHERE (loan)"),
    "an added loan": _batch(
        "INSERT INTO scored_loans SELECT partition_key, 'x', model_version, probability, decision FROM scored_loans "
        "WHERE (loan)"
    ),
    "the PDs of two loans exchanged": _batch(
        "WITH two AS (SELECT loan_id, probability, row_number() OVER (ORDER BY loan_id) AS number FROM scored_loans "
        "WHERE (all) ORDER BY loan_id LIMIT 2) UPDATE scored_loans s SET probability = o.probability "
        "FROM two t JOIN two o ON o.number <> t.number WHERE s.loan_id = t.loan_id AND (all)"
    ),
    "the model of a loan": _batch("UPDATE scored_loans SET model_version = 'x' WHERE (loan)"),
    "the model of all loans": _batch("UPDATE scored_loans SET model_version = 'x' WHERE (all)"),
    "all loans of a partition": _batch("DELETE FROM scored_loans WHERE (all)"),
    "a deleted loan of a partition of which others were erased": _batch(
        "DELETE FROM scored_loans WHERE (loan)", partition=SCORED[1]
    ),
    "an erased loan that is back": _batch(
        "CREATE TABLE kept AS SELECT * FROM scored_loans WHERE (loan)",
        "UPDATE kept SET loan_id = '000-004'",
        "INSERT INTO scored_loans SELECT * FROM kept",
        partition=SCORED[1],
    ),
    "all scores as before an erasure": Alteration(
        "provenance", "scored_loans", "59 scores of model", _bring_back
    ),
    "the model of loans of which others were erased": _batch(
        "UPDATE scored_loans SET model_version = 'x' WHERE (all)", partition=SCORED[1]
    ),
    "scores of a partition that was never scored": Alteration(
        "provenance",
        "scored_loans",
        "a record of its scoring in scored_partitions",
        _batch(
            "INSERT INTO scored_loans SELECT '2025-01-07', loan_id, model_version, probability, decision "
            "FROM scored_loans",
            partition="2025-01-07",
        ).do,
    ),
}
SHADOW_ALTERATIONS = {
    "the PD of a score": Alteration(
        "row",
        "shadow_predictions",
        _ALTERED,
        _shadow(f"UPDATE shadow_predictions SET {ANOTHER_PD} WHERE {_THIS}"),
    ),
    "the PD of a score, found by the model too": Alteration(
        "score",
        "shadow_predictions",
        "on the recorded features",
        _shadow(
            f"UPDATE shadow_predictions SET {ANOTHER_PD} WHERE {_THIS}",
            row="request {request} position {position}",
        ),
    ),
    "the decision of a score": Alteration(
        "row",
        "shadow_predictions",
        _ALTERED,
        _shadow(f"UPDATE shadow_predictions SET decision = 1 - decision WHERE {_THIS}"),
    ),
    "the threshold of a score": Alteration(
        "row",
        "shadow_predictions",
        _ALTERED,
        _shadow(f"UPDATE shadow_predictions SET threshold = threshold / 2 WHERE {_THIS}"),
    ),
    "the time of a score": Alteration(
        "row",
        "shadow_predictions",
        _ALTERED,
        _shadow(f"UPDATE shadow_predictions SET scored_at = scored_at + interval '1 us' WHERE {_THIS}"),
    ),
    "two scores exchanged": Alteration(
        "row",
        "shadow_predictions",
        _ALTERED,
        _shadow(
            "WITH other AS (SELECT request_id, position, probability, threshold, decision, scored_at "
            f"FROM shadow_predictions WHERE {_OTHER} LIMIT 1) UPDATE shadow_predictions s "
            "SET probability = o.probability, decision = o.decision, scored_at = o.scored_at FROM other o "
            f"WHERE s.{_THIS.replace('AND ', 'AND s.')}"
        ),
    ),
    "a deleted score": Alteration(
        "row",
        "shadow_predictions",
        "none: the row was deleted",
        _shadow(f"DELETE FROM shadow_predictions WHERE {_THIS}"),
    ),
    "a deleted score with its link": Alteration(
        "chain",
        "shadow_links",
        "expected the link; found it is missing",
        _shadow(
            f"DELETE FROM shadow_predictions WHERE {_THIS}",
            f"DELETE FROM shadow_links WHERE {_THIS}",
            row="link 1 of chain shadow_predictions/{chain}",
        ),
    ),
    "the last scores of a chain with their links": Alteration(
        "chain",
        "shadow_links",
        "the chain ends at link",
        _shadow(
            "DELETE FROM shadow_predictions s USING shadow_links l WHERE l.chain = %(chain)s AND l.link > 1 "
            "AND (s.request_id, s.position) = (l.request_id, l.position)",
            "DELETE FROM shadow_links WHERE chain = %(chain)s AND link > 1",
            row="link {last} of chain shadow_predictions/{chain}",
        ),
    ),
    "two links in another order": Alteration(
        "chain",
        "shadow_links",
        "of the hash before it and of its digest",
        _shadow(
            "UPDATE shadow_links SET link = 1000 - link WHERE chain = %(chain)s AND link <= 2",
            "UPDATE shadow_links SET link = link - 997 WHERE chain = %(chain)s AND link > 900",
            row="link 1 of chain shadow_predictions/{chain}",
        ),
    ),
    "a score whose chain was computed again": Alteration(
        "chain", "shadow_links", "the chain was written again", _write_again
    ),
    "an added score": Alteration(
        "row",
        "shadow_predictions",
        "none: the row was added",
        _shadow(
            "INSERT INTO shadow_predictions SELECT request_id, position, 'x', probability, decision, threshold, "
            f"scored_at FROM shadow_predictions WHERE {_THIS}",
            row="request {request} position {position} of shadow x",
        ),
    ),
    "an added score with its link": Alteration(
        "score",
        "shadow_predictions",
        "on the recorded features",
        _add_by_insert("m.threshold, 1, m.threshold"),
    ),
    "an added score with another threshold": Alteration(
        "score", "shadow_predictions", "expected threshold", _add_by_insert("0.5, 1, 0.5")
    ),
    "an added score with another decision": Alteration(
        "score", "shadow_predictions", "for its PD and threshold", _add_by_insert("1, 0, m.threshold")
    ),
}
