"""Prints the requirements that are installed before the project itself: a change of code keeps their image layer.

`requirements.py pyproject.toml [EXTRA]`: those of an extra besides.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(sys.argv[1]).read_text("utf-8"))
extras = [line for extra in sys.argv[2:] for line in project["project"]["optional-dependencies"][extra]]
sys.stdout.writelines(
    f"{line}\n"
    for line in [*project["build-system"]["requires"], *project["project"]["dependencies"], *extras]
)
