"""What happens to the folder of a model, as a table: each damage, and the state in which the store finds it."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loan_default_assets.model.artifact_files import ArtifactState

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Damage:
    """One damage.

    Attributes:
        state: What the store says of the folder afterwards.
        do: Damages the first folder; the second is that of another intact model.
    """

    state: ArtifactState
    do: Callable[[Path, Path], object]


def _delete_folder(folder: Path, _: Path) -> None:
    shutil.rmtree(folder)


def _delete_file(folder: Path, _: Path) -> None:
    (folder / WEIGHTS).unlink()


def _truncate(folder: Path, _: Path) -> None:
    os.truncate(folder / WEIGHTS, 100)


def _flip_bit(folder: Path, _: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 4
    (folder / WEIGHTS).write_bytes(content)


def _flip_manifest(folder: Path, _: Path) -> None:
    content = bytearray((folder / "manifest.json").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "manifest.json").write_bytes(content)


def _replace_folder(folder: Path, other: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def _replace_file(folder: Path, other: Path) -> None:
    shutil.copy(other / WEIGHTS, folder / WEIGHTS)


def _make_unreadable(folder: Path, _: Path) -> None:
    """Root reads files of any mode, so for root the file leads to itself."""
    (folder / WEIGHTS).chmod(0)
    if os.geteuid() == 0:
        (folder / WEIGHTS).unlink()
        (folder / WEIGHTS).symlink_to(WEIGHTS)


def _put_a_file_in_its_place(folder: Path, _: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


DAMAGES = {
    "deleted folder": Damage("missing", _delete_folder),
    "deleted file": Damage("missing", _delete_file),
    "truncated": Damage("damaged", _truncate),
    "flipped bit": Damage("damaged", _flip_bit),
    "flipped bit in the manifest": Damage("damaged", _flip_manifest),
    "another model's folder": Damage("replaced", _replace_folder),
    "another model's file": Damage("damaged", _replace_file),
    "unreadable": Damage("unreadable", _make_unreadable),
    "a file in place of the folder": Damage("unreadable", _put_a_file_in_its_place),
}
