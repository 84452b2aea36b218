"""`restore`: an installation from a backup. It is verified first; the database's transaction is the switch."""

import contextlib
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bento.prediction_log import file_locks
from loan_default_assets.commands import backup_archive, pending_restore
from loan_default_assets.commands.backup import spooled_files
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.home_lock import home_lock
from loan_default_assets.commands.session import open_session
from loan_default_assets.commands.status import champion_lines, status
from loan_default_assets.model import artifact_files
from loan_default_assets.object_store.artifact_cache import artifact_cache
from loan_default_assets.private_files import prepare_home, write_file
from loan_default_assets.settings import Settings
from loan_default_assets.signing.model_signature import SIGNATURE
from loan_default_assets.signing.signed_models import trust
from loan_default_assets.signing.signing_keys import trusted_keys
from loan_default_assets.warehouse import dump, migrations
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.dump import DumpContents, DumpedModel
from loan_default_assets.warehouse.embedded.data_location import ServerError
from loan_default_assets.warehouse.embedded.local_postgres import serve


def restore(settings: Settings, source: Path, *, replace: bool = False) -> str:
    """Restore a backup into LOAN_DEFAULT_HOME and the database; lines on the result and what to run next.

    Models are immutable and are added first. Then the database is replaced in one transaction. Killed before its
    commit, the former state stands; killed after it, the next command completes the restore.

    Args:
        settings: The installation.
        source: A backup.
        replace: Also where the database has rows; they are deleted, and spooled predictions are put aside.

    Raises:
        CommandError: The backup is damaged or of a newer release, the home is not empty, or processes use it. Nothing
            was changed.
        ArtifactRootError: The root of the artifacts cannot be reached or refuses; the database is unchanged.
        WarehouseError: The database cannot be reached or restored; it is unchanged.
    """
    source = source.expanduser().absolute()
    details = backup_archive.verify(source)
    contents = _contents(details)
    _check_models(source, contents, details)
    _check_release(contents, details)
    try:
        prepare_home(settings.home)
        with pending_restore.exclusive(settings.home), _nothing_runs(settings.home):
            aside = _put_in_place(settings, source, details, contents, replace=replace)
    except ServerError as error:
        raise WarehouseError(
            f"{error}\nNext: move {settings.home} away, or give an empty LOAN_DEFAULT_HOME; then the same command"
        ) from None
    except OSError as error:
        raise CommandError(
            f"{error.filename or settings.home}: {error.strerror}; the restore did not finish\n"
            "Next: free disk space or set LOAN_DEFAULT_HOME to a writable folder, then the same command"
        ) from None
    portfolio = details["portfolio"]["file"]
    name = str(settings.home / portfolio) if portfolio else details["portfolio"]["name"]
    return _report(settings.model_copy(update={"portfolio": name}), source, details, aside)


def _put_in_place(
    settings: Settings, source: Path, details: Mapping[str, Any], contents: DumpContents, *, replace: bool
) -> Path | None:
    """Add the models and switch the database; the folder of predictions that were put aside, if there were any."""
    given = settings.database_url.get_secret_value() if settings.database_url else None
    with serve(settings.home, given) as url:
        pending_restore.settle(settings, url)
        if replicas := dump.serving(url):
            raise CommandError(
                f"the service runs on this database: {', '.join(replicas)}; nothing was changed\n"
                "Next: stop all of its replicas, then the same command"
            )
        if not replace:
            _require_empty(settings, url)
        _add_models(source / backup_archive.MODELS, settings)
        public = source / backup_archive.PUBLIC_KEYS
        for key in trusted_keys([public] if public.exists() else []):
            trust(key, settings)
        try:
            staged = pending_restore.stage(settings.home, source, details)
            pending_restore.stage_erasures(settings.home, staged, url)
            mark = pending_restore.mark_of(staged)
            keys = source / backup_archive.KEYS
            dump.restore(url, source / backup_archive.DUMP, keys, contents, mark, embedded=given is None)
        except BaseException:
            pending_restore.settle(settings, url)
            raise
        return pending_restore.settle(settings, url)


def _contents(details: Mapping[str, Any]) -> DumpContents:
    described = details["database"]
    return DumpContents(
        server=described["server"],
        program=described["program"],
        schemas=tuple(described["schemas"]),
        migrations=described["migrations"],
        models=tuple(DumpedModel(**model) for model in described["models"]),
    )


def _check_models(source: Path, contents: DumpContents, details: Mapping[str, Any]) -> None:
    """Every model of the database is in the backup with the files that it was registered with."""
    for model in contents.models:
        folder = source / backup_archive.MODELS / model.version
        if model.version in details["missing_models"] and not folder.exists():
            continue
        try:
            files = artifact_files.read(folder)
        except artifact_files.ArtifactError as error:
            raise CommandError(f"{error}: the backup is damaged; nothing was changed") from None
        if artifact_files.digest_of(files[artifact_files.MANIFEST]) != model.artifact_sha256:
            raise CommandError(f"{folder} holds the files of another model; nothing was changed")


def _check_release(contents: DumpContents, details: Mapping[str, Any]) -> None:
    newest = max(migration.number for migration in migrations.read(migrations.FOLDER))
    if any(number > newest for number in contents.migrations.values()):
        raise CommandError(
            f"the backup was made by release {details['release']}, which is newer than this one; nothing was changed\n"
            f"Next: install release {details['release']}, then the same command"
        )


@contextlib.contextmanager
def _nothing_runs(home: Path) -> Iterator[None]:
    """Refuses while `up` or the service runs in the home; `up` cannot start within the block."""
    refusal = f"loan-default up runs in {home}\nNext: stop it, then the same command"
    with home_lock(home / "up.lock", lambda: refusal):
        for path in home.glob("service/*/workers/*.lock"):
            descriptor = file_locks.acquire(path)
            if descriptor is not None:
                os.close(descriptor)
            elif path.exists():
                raise CommandError(f"the service runs in {home}\nNext: stop it, then the same command")
        yield


def _require_empty(settings: Settings, url: str) -> None:
    table = dump.holds_data(url)
    spooled = [path for path in spooled_files(settings.home / "service") if path.stat().st_size]
    if table is None and not spooled:
        return
    held = f"the database has rows in {table}" if table else f"{spooled[0]} holds predictions"
    raise CommandError(
        f"{settings.home} is not empty: {held}; nothing was changed\n"
        "Next: set LOAN_DEFAULT_HOME to an empty folder (and DATABASE_URL to an empty database), or give --replace, "
        "which deletes these rows"
    )


def _add_models(models: Path, settings: Settings) -> None:
    root, cache = settings.models_folder, artifact_cache(settings)
    for folder in sorted(models.iterdir()) if models.exists() else ():
        files, signature = artifact_files.read(folder), folder / SIGNATURE
        digest, target = artifact_files.digest_of(files[artifact_files.MANIFEST]), root / folder.name
        root.mkdir(parents=True, exist_ok=True)
        if not artifact_files.intact(target, digest):
            artifact_files.write(target, files)
        if signature.exists():
            write_file(target / SIGNATURE, signature.read_bytes(), partial_folder=root)
        if cache:
            cache.publish(target)


def _report(settings: Settings, source: Path, details: Mapping[str, Any], aside: Path | None) -> str:
    with open_session(settings) as session:
        found = status(session)
    # A command without it would begin another installation in the default home.
    program = f"LOAN_DEFAULT_HOME={shlex.quote(str(settings.home))} loan-default"
    option = f"--portfolio {shlex.quote(settings.portfolio)}"
    source_option = details["portfolio"]["source"]
    run_options = f"{option} --source {shlex.quote(source_option)}" if source_option else option
    lines = [
        f"restored    {source}, made {details['created_at']} by release {details['release']}",
        f"database    {found['database']}",
        *(f"  {table:18}{rows:>10,} rows" for table, rows in found["tables"].items()),
        *champion_lines(found["champion"], None),
        f"spool       {details['spooled_files']} files, delivered when the service starts",
        *([f"put aside   predictions that were spooled here before: {aside}"] if aside else []),
        "next        with the settings, keys and passwords of before; on the same loans, run trains nothing:",
        f"            {program} doctor {option}",
        f"            {program} run {run_options}",
        f"            {program} up {run_options}",
    ]
    return "\n".join(lines)
