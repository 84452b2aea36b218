"""The library of the site's diagrams, Mermaid, taken from its npm package when the site is built.

The theme loads it from another host unless a page brings it along. This hook of mkdocs.yml puts it beside the theme's
own scripts, and into the pages with a diagram. The package is kept in build/; only the first build needs `npm`.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

# The theme's scripts are written for this major version; the digest is that of the package in the registry.
PACKAGE = "mermaid@11.17.2"
SHA512 = "V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg=="
KEPT = Path(__file__).resolve().parents[1] / "build" / f"{PACKAGE.replace('@', '-')}.min.js"
PATH = "assets/javascripts/mermaid.min.js"


def on_files(files: Any, config: Any) -> Any:
    """Add the script to the files of the site."""
    if not KEPT.exists():
        _fetch()
    files.append(File.generated(config, PATH, abs_src_path=str(KEPT)))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Load the script in a page with a diagram."""
    if 'class="mermaid"' not in output:
        return output
    return output.replace("</body>", f'<script src="{get_relative_url(PATH, page.url)}"></script></body>')


def _fetch() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PluginError(
            f"the diagrams need {PACKAGE}, and there is no npm\nNext: install Node.js with npm, then: make docs"
        )
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", "--silent", PACKAGE], cwd=folder, capture_output=True, text=True, check=False
        )
        archives = list(Path(folder).glob("*.tgz"))
        if packed.returncode or not archives:
            raise PluginError(f"npm cannot fetch {PACKAGE}: {packed.stderr.strip()}\nNext: make docs")
        digest = base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
        if digest != SHA512:
            raise PluginError(
                f"{PACKAGE} has the SHA-512 {digest}, not {SHA512}: the registry sent another package"
            )
        with tarfile.open(archives[0]) as archive:
            script = archive.extractfile("package/dist/mermaid.min.js")
            if script is None:
                raise PluginError(f"{PACKAGE} has no dist/mermaid.min.js")
            KEPT.parent.mkdir(exist_ok=True)
            partial = KEPT.with_suffix(".partial")
            partial.write_bytes(script.read())
            partial.replace(KEPT)
