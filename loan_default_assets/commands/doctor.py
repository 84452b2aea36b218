"""`doctor`: checks of what the platform needs on this machine, with the fix for what is missing."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version

import psutil

from loan_default_assets.ports import in_use
from loan_default_assets.settings import Settings

_GIB = 1 << 30


@dataclass(frozen=True)
class Finding:
    """The result of one check: `wrong` findings stop the platform, `warning`s do not."""

    name: str
    found: str
    wrong: bool = False
    warning: bool = False
    fix: str = ""


def line(finding: Finding) -> str:
    """The finding as a line, with its fix on the next line."""
    mark = "FAIL" if finding.wrong else "warn" if finding.warning else "ok"
    text = f"{mark:5}{finding.name:12}{finding.found}"
    return f"{text}\n{'':17}{finding.fix}" if finding.fix else text


def run_checks(settings: Settings) -> list[Finding]:
    """Run every check once; a check that raises is a finding, not an error."""
    checks: tuple[tuple[str, Callable[[Settings], Iterator[Finding]]], ...] = (
        ("python", _python),
        ("torch", _torch),
        ("memory", _memory),
        ("home", _home),
        ("portfolio", _portfolio),
        ("postgresql", _postgresql),
        ("ui", _ui),
        ("artifacts", _artifacts),
        ("champion", _champion),
        ("ports", _ports),
    )
    found: list[Finding] = []
    for name, check in checks:
        try:
            found.extend(check(settings))
        except Exception as error:  # noqa: BLE001 - every failure is reported as a finding
            problem, _, fix = str(error).partition("\nNext: ")
            found.append(Finding(name, problem, wrong=True, fix=fix))
    return found


def _python(_: Settings) -> Iterator[Finding]:
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding(
        "python", sys.version.split()[0], wrong=not good, fix="" if good else "use Python 3.11, 3.12 or 3.13"
    )


def _torch(_: Settings) -> Iterator[Finding]:
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    yield Finding("torch", f"{version('torch')} on {device}")


def _memory(_: Settings) -> Iterator[Finding]:
    free = psutil.virtual_memory().available
    yield Finding(
        "memory",
        f"{free / _GIB:.1f} GiB available",
        warning=free < 3 * _GIB,
        fix="" if free >= 3 * _GIB else "the demo needs up to 3 GiB; close other programs",
    )


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    existing = next(path for path in (home, *home.parents) if path.exists())
    writable = os.access(existing, os.W_OK)
    free = shutil.disk_usage(existing).free
    yield Finding(
        "home",
        f"{home}, {free / _GIB:.1f} GiB free" if writable else f"{home} cannot be written",
        wrong=not writable,
        warning=writable and free < 2 * _GIB,
        fix="" if writable else "set LOAN_DEFAULT_HOME to a writable folder",
    )


def _portfolio(settings: Settings) -> Iterator[Finding]:
    from loan_default_assets.portfolio.spec import load

    portfolio = load(settings.portfolio, source=settings.loan_source)
    names = portfolio.features
    yield Finding(
        "portfolio",
        f"{portfolio.name}: {len(names.numerical)} numerical and {len(names.categorical)} categorical features, "
        f"{portfolio.source.kind} source",
    )


def _postgresql(settings: Settings) -> Iterator[Finding]:
    from loan_default_assets.commands.session import open_session

    with open_session(settings) as session:
        yield Finding("postgresql", f"{session.database.server_version()}, {session.database_label}")


def _ui(settings: Settings) -> Iterator[Finding]:
    from loan_default_assets.orchestration.ui.access_rules import access_rules

    rules = access_rules(settings)
    login = "with a password" if rules.password else "without a password"
    yield Finding("ui", f"on {settings.dagster_host} {login}, as {', '.join(rules.hosts)}")


def _artifacts(settings: Settings) -> Iterator[Finding]:
    """Reads the root of the artifacts where it is behind a URL; that it can be written shows when a model is saved."""
    from loan_default_assets.object_store.artifact_cache import artifact_cache

    if cache := artifact_cache(settings):
        yield Finding("artifacts", f"{len(cache.sizes()):,} models in {cache.url}, copies in {cache.root}")


def _champion(settings: Settings) -> Iterator[Finding]:
    """Loads the champion as the service does, and scores a row with it; every byte is read at the root."""
    from loan_default_assets.commands.session import open_session
    from loan_default_assets.model.smoke import smoke
    from loan_default_assets.signing.signed_models import unsigned_warning

    with open_session(settings) as session:
        champion = session.registry.champion()
        if champion is None:
            # The status says whether a proposed promotion waits for people or for the chain.
            fix = "loan-default status" if session.promotions.waiting() else "loan-default run"
            yield Finding("champion", "none yet", warning=True, fix=fix)
            return
        found = replace(session.artifacts, whole=True).check_served(champion)
    if not found.intact:
        problem, _, fix = found.problem.partition("\n")
        yield Finding("champion", problem, wrong=True, fix=fix)
        return
    smoke(found.path, champion.artifact_sha256)
    signed = f"signed by key {found.signed_by[:16]}" if found.signed_by else "not signed"
    yield Finding(
        "champion",
        f"{champion.version} loads and scores, {signed}, from {found.path}",
        warning=found.signed_by is None,
        fix="" if found.signed_by else unsigned_warning(champion.version),
    )


def _ports(settings: Settings) -> Iterator[Finding]:
    for setting in ("DAGSTER_PORT", "SERVICE_HTTP_PORT", "SERVICE_GRPC_PORT"):
        port = getattr(settings, setting.lower())
        if in_use(port):
            yield Finding(
                "ports",
                f"{setting}={port} is in use",
                warning=True,
                fix=f"stop the process that listens there, or set {setting}",
            )
            continue
        yield Finding("ports", f"{setting}={port} is free")
