"""`doctor`: what the platform needs of this machine, what is missing, and how to mend it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

import psutil

from loan_default_assets.ports import taken
from loan_default_assets.settings import Settings

_GIB = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `wrong` findings stop the platform, `warning`s do not."""

    name: str
    found: str
    wrong: bool = False
    warning: bool = False
    mend: str = ""


def line(finding: Finding) -> str:
    """The finding as a line, and how to mend it under it."""
    mark = "FAIL" if finding.wrong else "warn" if finding.warning else "ok"
    text = f"{mark:5}{finding.name:12}{finding.found}"
    return f"{text}\n{'':17}{finding.mend}" if finding.mend else text


def examine(settings: Settings) -> list[Finding]:
    """Looks at everything once; a failing look is a finding, not an error."""
    looks: tuple[tuple[str, Callable[[Settings], Iterator[Finding]]], ...] = (
        ("python", _python),
        ("torch", _torch),
        ("memory", _memory),
        ("home", _home),
        ("portfolio", _portfolio),
        ("postgresql", _postgresql),
        ("ports", _ports),
    )
    found: list[Finding] = []
    for name, look in looks:
        try:
            found.extend(look(settings))
        except Exception as error:  # noqa: BLE001 - the point of a doctor is to report whatever is wrong
            found.append(Finding(name, str(error), wrong=True))
    return found


def _python(_: Settings) -> Iterator[Finding]:
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding(
        "python", sys.version.split()[0], wrong=not good, mend="" if good else "use Python 3.11, 3.12 or 3.13"
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
        mend="" if free >= 3 * _GIB else "the demo needs up to 3 GiB; close something",
    )


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    place = next(path for path in (home, *home.parents) if path.exists())
    writable = os.access(place, os.W_OK)
    free = shutil.disk_usage(place).free
    yield Finding(
        "home",
        f"{home}, {free / _GIB:.1f} GiB free" if writable else f"{home} cannot be written",
        wrong=not writable,
        warning=writable and free < 2 * _GIB,
        mend="" if writable else "set LOAN_DEFAULT_HOME to a folder of yours",
    )


def _portfolio(settings: Settings) -> Iterator[Finding]:
    from loan_default_assets.portfolio.spec import load

    portfolio = load(settings.portfolio, source=settings.loan_source)
    names = portfolio.features
    yield Finding(
        "portfolio",
        f"{portfolio.name}: {len(names.numerical)} numbers, {len(names.categorical)} categories, "
        f"{portfolio.source.kind} source",
    )


def _postgresql(settings: Settings) -> Iterator[Finding]:
    from loan_default_assets.commands.session import open_session

    with open_session(settings) as session, session.database.transaction() as cursor:
        cursor.execute("SHOW server_version")
        row = cursor.fetchone()
        yield Finding("postgresql", f"{row[0] if row else 'unknown'}, {session.place}")


def _ports(settings: Settings) -> Iterator[Finding]:
    for setting in ("DAGSTER_PORT", "SERVICE_HTTP_PORT", "SERVICE_GRPC_PORT"):
        port = getattr(settings, setting.lower())
        if taken(port):
            yield Finding(
                "ports",
                f"{setting}={port} is taken",
                warning=True,
                mend=f"stop its owner, or set {setting}",
            )
            continue
        yield Finding("ports", f"{setting}={port} is free")
