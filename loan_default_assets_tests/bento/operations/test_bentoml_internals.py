"""Only the adapter module uses BentoML's private parts."""

import re
from pathlib import Path

from bento.operations import bentoml_internals
from loan_default_assets_tests.bento.served_process import ROOT

PRIVATE = re.compile(r"bentoml\._|_bentoml_|_model_store|get_uv_command|user_middleware\s*=")


def test_private_parts_are_used_in_the_adapter_only() -> None:
    adapter = ROOT / "bento" / "operations" / "bentoml_internals.py"
    sources = [
        path for package in ("bento", "loan_default_assets") for path in (ROOT / package).rglob("*.py")
    ]
    assert [path for path in sources if PRIVATE.search(path.read_text())] == [adapter]


def test_the_metrics_folder_is_that_of_bentoml(tmp_path: Path) -> None:
    from bentoml._internal.configuration.containers import BentoMLContainer

    try:
        bentoml_internals.set_metrics_folder(tmp_path / "metrics")
        assert BentoMLContainer.prometheus_multiproc_dir.get() == str(tmp_path / "metrics")
    finally:
        BentoMLContainer.prometheus_multiproc_dir.reset()
    assert (tmp_path / "metrics").is_dir()
