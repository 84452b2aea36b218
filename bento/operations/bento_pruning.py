"""Deletion of Bentos and BentoML models of former champions, through BentoML."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from bento.operations import bentoml_internals


@dataclass(frozen=True)
class PackagedVersion:
    """A model version in BentoML's store.

    Attributes:
        folders: The folder of its Bento and that of its model, as far as they exist.
    """

    version: str
    folders: tuple[Path, ...]


def packaged_versions(store: Path, portfolio: str) -> list[PackagedVersion]:
    """The versions of a portfolio in BentoML's store, also those of which a deletion that was cut off left a part.

    Args:
        store: The BentoML home.
        portfolio: Name of the portfolio.
    """
    parents = (store / "bentos" / f"loan_default_{portfolio}", store / "models" / portfolio)
    versions = {
        folder.name for parent in parents if parent.is_dir() for folder in parent.iterdir() if folder.is_dir()
    }
    return [
        PackagedVersion(version, tuple(parent / version for parent in parents if (parent / version).is_dir()))
        for version in sorted(versions)
    ]


def delete_packaged(store: Path, portfolio: str, versions: Collection[str]) -> None:
    """Delete the Bento of every version, and then the model that it needs.

    Args:
        store: The BentoML home.
        portfolio: Name of the portfolio.
        versions: Those that are not in the store are passed over.
    """
    for found in packaged_versions(store, portfolio):
        if found.version in versions:
            bentoml_internals.delete_bento(f"loan_default_{portfolio}:{found.version}", store=store)
            bentoml_internals.delete_model(f"{portfolio}:{found.version}", store=store)
