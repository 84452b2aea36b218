"""deploy/docker/constraints.txt: the version and the hashes of every package that the image installs."""

import re
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "deploy/docker/constraints.txt"
ENTRY = re.compile(
    r"^([a-z0-9-]+)==([^\s;]+)(?: ; ([^\\\n]+?))?(?: \\\n    --hash=sha256:[0-9a-f]{64})+$", re.MULTILINE
)
_IMAGE = {
    "sys_platform": "linux",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "python_full_version": "3.11.0",
}


def pinned(text: str | None = None) -> dict[str, str]:
    """Version by canonical name, of the entries that have hashes and are installed on Linux with CPython."""
    entries = ENTRY.findall(CONSTRAINTS.read_text("utf-8") if text is None else text)
    return {
        name: version for name, version, marker in entries if not marker or Marker(marker).evaluate(_IMAGE)
    }
