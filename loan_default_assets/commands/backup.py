"""`backup`: database, models, portfolio file and undelivered predictions in one verified folder, while all goes on."""

import json
import re
import shlex
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bento.prediction_log.spool_erasure import FILES
from loan_default_assets.commands import backup_archive
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.model import artifact_files
from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.portfolio.spec import Portfolio, library_names, load
from loan_default_assets.portfolio.yaml_loader import PLACEHOLDER, portfolio_path
from loan_default_assets.settings import Settings
from loan_default_assets.signing.model_signature import SIGNATURE
from loan_default_assets.signing.signed_models import artifact_store, private_path, signature_rules
from loan_default_assets.warehouse import dump
from loan_default_assets.warehouse.dump import DumpedModel
from loan_default_assets.warehouse.embedded.local_postgres import serve

# Where the service keeps undelivered predictions, this release's and the one before's, and those that were refused.
_SPOOLED = tuple(f"*/{pattern}" for pattern in FILES)
_PASSWORD = re.compile(r"(://[^\s:/@'\"]+:)[^\s@'\"]+@")


def backup(settings: Settings, target: Path, *, allow_missing: bool = False) -> str:
    """Write a backup; lines on what is in it, what is not, and how to restore it.

    The database is one snapshot. What the service spooled before is copied first, so that a prediction is in one of
    the two; models are copied afterwards, since they are immutable.

    Args:
        settings: The installation.
        target: A folder that does not exist, or is empty.
        allow_missing: Also where files of models are missing or damaged; they are named in the backup.

    Raises:
        CommandError: The folder is not empty or cannot be written, or files of a model are missing or damaged.
        ArtifactRootError: The root of the artifacts cannot be reached or refuses.
        PortfolioError, WarehouseError: The portfolio or the database cannot be read.
    """
    portfolio = load(settings.portfolio, source=settings.loan_source)
    given = settings.database_url.get_secret_value() if settings.database_url else None
    with backup_archive.new_archive(target) as folder:
        spooled = _copy_spool(settings.home / "service", folder / backup_archive.SPOOL)
        with serve(settings.home, given) as url:
            keys = folder / backup_archive.KEYS
            contents = dump.dump(url, folder / backup_archive.DUMP, keys, embedded=given is None)
        store = replace(artifact_store(settings), signatures=None)
        missing = _copy_models(store, contents.models, folder / backup_archive.MODELS)
        if missing and not allow_missing:
            raise CommandError(
                "\n".join(
                    [
                        f"no backup was made: the files of {len(missing)} of {len(contents.models)} models are lost",
                        *(
                            f"  {model.version} ({model.status} {model.kind}): {state}"
                            for model, state in missing
                        ),
                        "Next: loan-default run trains what is lost again; or the same command with --allow-missing",
                    ]
                )
            )
        trusted = signature_rules(settings).trusted()
        for key in trusted:
            backup_archive.write(folder / backup_archive.PUBLIC_KEYS / key.file_name, key.pem)
        file, masked = _copy_portfolio(settings, folder)
        lost = {model.version for model, _ in missing}
        details = {
            "format": backup_archive.FORMAT,
            "id": uuid.uuid4().hex,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "release": version("loan-default-assets"),
            "portfolio": {"name": portfolio.name, "file": file, "source": _source(portfolio, masked=masked)},
            "database": asdict(contents),
            "missing_models": sorted(lost),
            "spooled_files": spooled,
        }
        text = json.dumps(details, indent=1, ensure_ascii=False)
        backup_archive.write(folder / backup_archive.DETAILS, text.encode())
    target = target.expanduser().absolute()
    files = [path for path in target.rglob("*") if path.is_file()]
    champions = [model.version for model in contents.models if model.status == "champion"]
    lines = [
        f"backup      {target}: {len(files)} files, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB, verified",
        f"database    one snapshot of the schemas {', '.join(contents.schemas)}",
        f"models      {len(contents.models) - len(lost)} of {len(contents.models)}, champion "
        f"{', '.join(champions) or 'none'}",
        f"portfolio   {file or f'{portfolio.name}, of the library'}"
        + ("; the password in its source was not stored" if masked else ""),
        f"spool       {spooled} files of predictions that were not in the database",
        f"signatures  those of the models, and {len(trusted)} public keys that verify them",
        "keys        of the predictions' features: apart from the database, for loan-default erase --backup",
        "not in it   Bentos (loan-default run builds them again), run logs, the loans' source, passwords, API keys;",
        f"            the private key {private_path(settings)}: without a copy, a restored",
        "            installation generates another one, and trusts both",
        "contains    applicants' data: keep it as safe as the database",
        f"check       cd {shlex.quote(str(target))} && sha256sum --check --quiet {backup_archive.SUMS}",
        f"restore     LOAN_DEFAULT_HOME=NEW_HOME loan-default restore {shlex.quote(str(target))}",
        "            NEW_HOME: an empty folder, or none yet; with DATABASE_URL an empty database, or unset",
    ]
    return "\n".join(lines)


def _source(portfolio: Portfolio, *, masked: bool) -> str | None:
    """What `run` needs as `--source` after a restore: the present file, or a word for what was not stored."""
    if masked:
        return "URL_WITH_PASSWORD"
    # A path in the portfolio is relative to its file, which will be elsewhere.
    path = portfolio.source.path
    return "YOUR_LOANS" if path and PLACEHOLDER.search(path) else path


def spooled_files(service: Path) -> list[Path]:
    """Files of predictions that are not in the database, of all portfolios; `service` is LOAN_DEFAULT_HOME/service."""
    return sorted(path for pattern in _SPOOLED for path in service.glob(pattern))


def _copy_spool(service: Path, target: Path) -> int:
    """Copy the complete records; a file that is delivered meanwhile is in the database."""
    copied = 0
    for path in spooled_files(service):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        if complete := content[: content.rfind(b"\n") + 1]:
            backup_archive.write(target / path.relative_to(service), complete)
            copied += 1
    return copied


def _copy_models(
    store: ArtifactStore, models: Sequence[DumpedModel], target: Path
) -> list[tuple[DumpedModel, str]]:
    """Copy the verified files of every model, with its signature as it is; those that are lost, with their state."""
    missing: list[tuple[DumpedModel, str]] = []
    for model in models:
        if (target / model.version).exists():  # two portfolios can share a database and a model
            continue
        found = store.check(model)
        if not found.intact:
            missing.append((model, found.state))
            continue
        files = artifact_files.read(found.path)
        if artifact_files.digest_of(files[artifact_files.MANIFEST]) != model.artifact_sha256:
            missing.append((model, "replaced"))
            continue
        if (signature := found.path / SIGNATURE).exists():
            files |= {SIGNATURE: signature.read_bytes()}
        for name, content in files.items():
            backup_archive.write(target / model.version / name, content)
    return missing


def _copy_portfolio(settings: Settings, folder: Path) -> tuple[str | None, bool]:
    """The portfolio's file in the backup, None for one of the library, and whether a password in it was masked."""
    if settings.portfolio in library_names():
        return None, False
    path = portfolio_path(settings.portfolio)
    text = path.read_text("utf-8-sig")
    masked = _PASSWORD.sub(r"\1***@", text)
    name = f"{backup_archive.PORTFOLIO}/{path.name}"
    backup_archive.write(folder / name, masked.encode())
    return name, masked != text
