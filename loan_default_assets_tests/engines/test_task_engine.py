import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from loan_default_assets.engines import engine_choice
from loan_default_assets.engines.engine_choice import engine_of
from loan_default_assets.engines.task_engine import LOCAL, EngineError
from loan_default_assets.settings import Settings
from loan_default_assets_tests.engines import calls


def test_local_calls_follow_one_another_in_this_process() -> None:
    taken: list[int] = []
    items = (taken.append(item) or item for item in range(3))
    results = LOCAL.map_tasks(calls.scaled, np.array([10]), items)
    assert next(results)[0] == 0
    assert taken == [0]
    assert [value for value, _ in results] == [10, 20]


def test_local_reports_come_with_the_position_of_their_item() -> None:
    seen: list[tuple[int, Any]] = []
    results = LOCAL.run_tasks(calls.counted, 2, ["a", "b"], lambda *report: seen.append(report))
    assert results == ["A", "B"]
    assert seen == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_the_local_engine_loads_nothing_of_ray() -> None:
    assert engine_of(Settings().engine) is LOCAL
    code = (
        "from loan_default_assets.definitions import build_definitions; build_definitions();"
        "import sys; print(sorted(name for name in sys.modules if name.split('.')[0] in ('ray', 'dagster_ray')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["ray", "ray://head:10001"])
def test_without_ray_the_next_command_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        engine_choice, "find_spec", lambda module: None if module == "ray" else find_spec(module)
    )
    with pytest.raises(EngineError, match=rf"ENGINE={name} needs Ray.*\nNext: pip install"):
        engine_of(name)


@pytest.mark.parametrize("name", ["", "Ray", "ray:", "ray://", "ray://head", "dask", "ray://head:1/x"])
def test_an_engine_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="engine"):
        Settings(engine=name)
