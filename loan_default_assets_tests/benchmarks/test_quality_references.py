import importlib.util

import numpy as np
import pytest

from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.benchmarks.quality_references import REFERENCES, fit_reference
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.model.examples import CARDINALITIES, loans


def quality_set(validation: Rows) -> QualitySet:
    rows = loans(400)
    return QualitySet(
        "loans", "at random", rows, validation, loans(200, seed=2), loans(50, seed=3), CARDINALITIES
    )


@pytest.mark.parametrize("name", [name for name in REFERENCES if not REFERENCES[name].again])
def test_a_reference_is_fitted_again_on_validation_rows_after_they_measured_it(name: str) -> None:
    if importlib.util.find_spec(REFERENCES[name].distribution.replace("scikit-learn", "sklearn")) is None:
        pytest.skip(f"{REFERENCES[name].distribution} is not installed: pip install '.[quality]'")
    data = quality_set(loans(300, seed=1))
    once, again = (fit_reference(data, variant, 0)() for variant in (name, f"{name}-refit"))
    assert again.validation.tolist() == once.validation.tolist()
    assert again.threshold == once.threshold
    assert np.abs(again.window - once.window).max() > 1e-3
    assert np.corrcoef(again.window, once.window)[0, 1] > 0.5
    assert "Fitted again" in REFERENCES[f"{name}-refit"].title
