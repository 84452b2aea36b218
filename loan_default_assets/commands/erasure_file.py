"""Files of erasures, one line of JSON each: those that a backup must repeat when it is restored."""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from loan_default_assets.commands import backup_archive
from loan_default_assets.warehouse.erasures import Erasure


def path(folder: Path, schema: str) -> Path:
    """The file of a portfolio in a backup or a home."""
    return folder / backup_archive.ERASURES / f"{schema}.jsonl"


def read(file: Path) -> list[Erasure]:
    """The erasures of a file; none where there is no file."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    described = map(json.loads, lines)
    return [
        Erasure(bytes.fromhex(one["subject_sha256"]), datetime.fromisoformat(one["erased_at"]))
        for one in described
    ]


def add(file: Path, erasures: Sequence[Erasure]) -> None:
    """Append those that the file does not have; it is for this user only."""
    present = set(read(file))
    lines = [
        json.dumps({"subject_sha256": one.subject_sha256.hex(), "erased_at": one.erased_at.isoformat()})
        for one in dict.fromkeys(erasures)
        if one not in present
    ]
    if lines:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as opened:
            opened.write("".join(f"{line}\n" for line in lines))
