"""The planted faults of sealed features and erasures."""

from loan_default_assets_tests.mutants.mutant import COMMANDS, WAREHOUSE, Mutant, mutant

SPOOL = "bento/prediction_log"


def _erasure(promise: str, path: str, line: str, fault: str, *tests: str) -> Mutant:
    return mutant(f"erasure: {promise}", path, line, fault, *tests)


ERASURE_FAULTS: tuple[Mutant, ...] = (
    _erasure(
        "sealed features open for their own prediction only",
        f"{WAREHOUSE}/sealed_features.py",
        'return f"{request_id}/{position}".encode()',
        'return b""',
        "warehouse/test_sealed_features.py",
    ),
    _erasure(
        "every prediction has a key of its own",
        f"{WAREHOUSE}/sealed_features.py",
        "key = os.urandom(KEY_BYTES)",
        "key = bytes(KEY_BYTES)",
        "warehouse/test_sealed_features.py",
    ),
    _erasure(
        "a record that is delivered again brings no key back",
        f"{WAREHOUSE}/predictions.py",
        "    FROM delivered\n    ON CONFLICT (request_id, position) DO NOTHING\n    RETURNING request_id, position\n)\n"
        "INSERT INTO predictions (request_id",
        "    FROM delivered\n    ON CONFLICT (request_id, position) DO UPDATE SET key = excluded.key\n"
        "    RETURNING request_id, position\n)\nINSERT INTO predictions (request_id",
        "warehouse/test_erasures.py",
    ),
    _erasure(
        "a record that is delivered after the erasure gets no key",
        f"{WAREHOUSE}/predictions.py",
        "CASE WHEN NOT EXISTS (SELECT FROM erasures e WHERE {erased}) THEN decode(loan ->> 'key', 'base64') END",
        "decode(loan ->> 'key', 'base64')",
        "warehouse/test_erasures.py",
    ),
    _erasure(
        "a file that was scored before the erasure gets no key",
        f"{WAREHOUSE}/predictions.py",
        "CASE WHEN NOT EXISTS (SELECT FROM erasures e WHERE {erased}) THEN key END",
        "key",
        "warehouse/test_erasures.py",
    ),
    _erasure(
        "records of the release before are sealed",
        f"{WAREHOUSE}/predictions.py",
        "map(sealed_line, lines)",
        "lines",
        "warehouse/test_erasures.py",
    ),
    _erasure(
        "a delivery in progress is waited for",
        f"{WAREHOUSE}/erasures.py",
        'cursor.execute("LOCK TABLE prediction_keys, refused_predictions IN SHARE ROW EXCLUSIVE MODE")',
        "",
        "warehouse/test_erasures.py",
    ),
    _erasure(
        "a load in progress is waited for",
        f"{WAREHOUSE}/erasures.py",
        "PartitionedTable(table, ()).lock_all(cursor, schema)",
        "pass",
        "warehouse/test_erasures.py",
    ),
    _erasure(
        "later loads skip the loan",
        f"{WAREHOUSE}/partition_writes.py",
        "erased = self._delete_erased(cursor, [*sent])",
        "erased = Counter[str]()",
        "warehouse/test_erasures.py",
    ),
    _erasure(
        "refused records lose the loan",
        f"{WAREHOUSE}/erasures.py",
        "_purge_refused(cursor, [subject])\n        return erased",
        "return erased",
        "warehouse/test_erasures.py",
    ),
    _erasure(
        "only one application of a batch is erased",
        f"{WAREHOUSE}/record_lines.py",
        "return self.sha256 in {_sha256(*name) for name in names}",
        "return True",
        "warehouse/test_sealed_features.py",
    ),
    _erasure(
        "a damaged record that names the loan is emptied",
        f"{WAREHOUSE}/record_lines.py",
        'return b"" if subject.kind else line',
        "return line",
        "warehouse/test_sealed_features.py",
    ),
    _erasure(
        "the migration seals what the release before stored",
        f"{WAREHOUSE}/database.py",
        "            stored_features.seal_stored(database.transaction)\n",
        "",
        "warehouse/test_stored_features.py",
    ),
    _erasure(
        "a dump holds no keys",
        f"{WAREHOUSE}/dump.py",
        "for schema in contents.migrations]",
        "for schema in ()]",
        "privacy/test_erasure.py",
    ),
    _erasure(
        "keys are in a file for this user only",
        f"{WAREHOUSE}/key_files.py",
        "os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600",
        "os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644",
        "warehouse/test_erasures.py",
    ),
    _erasure(
        "keys leave the file of a backup",
        f"{COMMANDS}/backup_erasure.py",
        "key_files.without(folder / file, staged / file, subject)",
        "pass",
        "privacy/test_erasure.py",
    ),
    _erasure(
        "a restore repeats the erasures of its backup",
        f"{COMMANDS}/session.py",
        "pending_restore.replay_erasures(settings.home, database)",
        "pass",
        "privacy/test_erasure.py",
        "privacy/test_erasure_in_backups.py",
    ),
    _erasure(
        "a restore repeats the erasures of the database that it replaces",
        f"{COMMANDS}/restore.py",
        "pending_restore.stage_erasures(settings.home, staged, url)",
        "pass",
        "privacy/test_erasure_in_backups.py",
    ),
    _erasure(
        "undelivered records are rewritten",
        f"{SPOOL}/spool_erasure.py",
        "_replace(path, rewrite_lines(path.read_bytes(), rewrite))",
        "pass",
        "privacy/test_erasure.py",
    ),
    _erasure(
        "records that a running service has are waited for",
        f"{SPOOL}/spool_erasure.py",
        "in_use.append(path)",
        "pass",
        "privacy/test_erasure.py",
    ),
    _erasure(
        "a file that a running service has is not replaced",
        f"{SPOOL}/spool_erasure.py",
        "descriptor = file_locks.acquire(path)",
        "descriptor: int | None = os.open(path, os.O_RDONLY)",
        "privacy/test_erasure.py",
    ),
    _erasure(
        "delivered records leave the disk",
        f"{SPOOL}/spool.py",
        "segment.delivered > 0 and",
        "False and",
        "bento/prediction_log/test_spool.py",
    ),
    _erasure(
        "records that are refused while it waits are erased",
        f"{COMMANDS}/erase.py",
        "erasures.erase_refused(session.database, subject)",
        "pass",
        "privacy/test_erasure.py",
    ),
    _erasure(
        "nothing is erased without --yes",
        "loan_default_assets/cli_decisions.py",
        "        if yes:\n            found = erasure.erase",
        "        if True:\n            found = erasure.erase",
        "privacy/test_erasure.py",
    ),
    _erasure(
        "a change of a backup that was killed is completed",
        f"{COMMANDS}/backup_archive.py",
        "            _finish_change(folder)\n        except OSError as error:\n            raise CommandError(_dam",
        "            pass\n        except OSError as error:\n            raise CommandError(_dam",
        "privacy/test_erasure_in_backups.py",
    ),
)
