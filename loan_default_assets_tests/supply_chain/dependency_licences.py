"""The licences of the installed runtime dependencies; `python -m` prints docs/licences.md.

pip-licenses was considered: it lists everything that is installed, cannot follow one package's dependencies, and its
allow-list has no exception with a reason.
"""

import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from loan_default_assets_tests.supply_chain.pinned_requirements import pinned

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

# What packages without an SPDX expression write, from the classifiers or the free field `License`.
_SPDX = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "gnu library or lesser general public license (lgpl)": "LGPL",
    "bsd": "BSD",
    "bsd license": "BSD",
}


@dataclass(frozen=True)
class LicenceRules:
    """`[tool.licences]` of pyproject.toml.

    Attributes:
        allowed: SPDX identifiers that every dependency may have.
        exceptions: By name or pattern of a package, the one further licence that it may have, and why.
    """

    allowed: frozenset[str]
    exceptions: dict[str, dict[str, str]]

    def exception_for(self, name: str) -> dict[str, str] | None:
        """The exception of a package; None without one."""
        found = (value for key, value in self.exceptions.items() if fnmatch(name, key))
        return self.exceptions.get(name) or next(found, None)

    def permits(self, name: str, licence: str) -> bool:
        """Whether a package may have this licence. An expression with parentheses must be allowed in all parts."""
        exception = self.exception_for(name)
        allowed = self.allowed | ({exception["licence"]} if exception else set())
        if "(" in licence:
            return set(re.split(r" AND | OR ", re.sub(r"[()]", "", licence))) <= allowed
        return any(set(part.split(" AND ")) <= allowed for part in licence.split(" OR "))


RULES = LicenceRules(
    frozenset(PROJECT["tool"]["licences"]["allowed"]), PROJECT["tool"]["licences"]["exceptions"]
)


def runtime_dependencies(requirements: list[str]) -> dict[str, Distribution]:
    """The installed packages that requirements need, directly or through others, by canonical name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:
                # A marker of an uninstalled extra of an extra; pip itself reports what is really missing.
                continue
            further = [Requirement(text) for text in found[name].requires or []]
            waiting += [r for r in further if r.marker is None or r.marker.evaluate({"extra": extra})]
    return found


def licence_of(package: Distribution) -> str:
    """The licence as an SPDX expression where the package's metadata and licence files allow one."""
    metadata = package.metadata
    free = (metadata.get("License") or "").strip()
    expression = metadata.get("License-Expression") or ""
    if re.search("nvidia|proprietary", expression or free[:60], re.IGNORECASE):
        return "Proprietary"
    if expression:
        return " ".join(expression.split())
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License ::") and not text.endswith("OSI Approved")
    ]
    short = "\n" not in free and len(free) < 60 and free.lower() not in ("", "dual license", "bsd")
    stated = [free] if short and "LGPL" not in free else classifiers or [free.splitlines()[0] if free else ""]
    named = {_SPDX.get(text.lower(), text) for text in stated}
    if "BSD" in named:
        named = (named - {"BSD"}) | {_bsd_clauses(package, free)}
    return " AND ".join(sorted(named))


def _bsd_clauses(package: Distribution, free: str) -> str:
    files = [
        file for file in package.files or () if re.search(r"licen[cs]e|copying", file.name, re.IGNORECASE)
    ]
    texts = [free, *(file.locate().read_text("utf-8", "replace") for file in files)]  # type: ignore[attr-defined]
    text = " ".join(" ".join(texts).split()).lower()
    if "advertising materials" in text:
        return "BSD-4-Clause"
    if "endorse or promote" in text or "3-clause" in text:
        return "BSD-3-Clause"
    return "BSD-2-Clause" if "redistribution and use" in text else "BSD"


def page(packages: dict[str, Distribution]) -> str:
    """The text of docs/licences.md: the packages that the image pins, whatever else is installed here."""
    direct = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["dependencies"]}
    listed = {name: licence_of(packages[name]) for name in sorted({*pinned(), "torch"})}
    lines = [
        "# Licences of the runtime dependencies",
        "",
        "Written by `make licences`; the allow-list and the reasons are `[tool.licences]` of `pyproject.toml`.",
        "A package with a licence outside the list fails `make test`. The project itself is under the MIT licence.",
        "",
        f"{len(listed)} packages: the default installation on Linux with CPython, without extras and with the CPU",
        "wheel of PyTorch. Where metadata state several licences without saying how they combine, all of them count. A",
        "package may bundle libraries under further licences; its licence files have them.",
        "",
        "| package | licence | direct |",
        "| --- | --- | --- |",
        *(f"| {name} | {licence} | {'yes' if name in direct else ''} |" for name, licence in listed.items()),
        "",
        "## Exceptions",
        "",
        "| package | licence | why it may be used |",
        "| --- | --- | --- |",
        *(f"| {name} | {rule['licence']} | {rule['reason']} |" for name, rule in RULES.exceptions.items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(runtime_dependencies(PROJECT["project"]["dependencies"])), end="")
