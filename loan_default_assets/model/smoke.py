"""`python -m loan_default_assets.model.smoke FOLDER SHA256`: exit 0 when a fresh process can load and score it."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from loan_default_assets.model.predictor import Predictor


def smoke(folder: Path, sha256: str) -> float:
    """Probability of default of the training reference. Raises ArtifactError for an artefact that is not intact."""
    predictor = Predictor.from_artifact(folder, sha256=sha256)
    encoding = predictor.model.encoding
    scores = predictor.score(encoding.reference_numerical[None], encoding.reference_categorical[None])
    return float(scores.probability[0])


if __name__ == "__main__":
    sys.exit(0 if math.isfinite(smoke(Path(sys.argv[1]), sys.argv[2])) else 1)
