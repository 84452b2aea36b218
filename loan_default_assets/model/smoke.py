"""`python -m loan_default_assets.model.smoke FOLDER SHA256`: exit code 0 when a fresh process loads and scores it."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from loan_default_assets.garbage import collect_rarely
from loan_default_assets.model.predictor import Predictor


def smoke(folder: Path, sha256: str) -> float:
    """Score the training reference with an artifact.

    Args:
        folder: Folder of the artifact.
        sha256: Digest that the artifact must have.

    Returns:
        Its PD.

    Raises:
        ArtifactError: The artifact is missing, damaged, another one, or a bare encoder.
    """
    predictor = Predictor.from_artifact(folder, sha256=sha256)
    encoding = predictor.model.encoding
    scored = predictor.predict(encoding.reference_numerical[None], encoding.reference_categorical[None])
    return float(scored.pd[0])


if __name__ == "__main__":
    collect_rarely()
    sys.exit(0 if math.isfinite(smoke(Path(sys.argv[1]), sys.argv[2])) else 1)
