"""Sensor state that the former release recorded, under the present names."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    CodeLocationOrigin,
    GrpcServerCodeLocationOrigin,
    RegisteredCodeLocationOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
)

from loan_default_assets.commands.session import dagster_instance, environment, open_session
from loan_default_assets.definitions import build_definitions
from loan_default_assets.orchestration import former_names
from loan_default_assets.orchestration.approval_sensor import APPROVAL_SENSOR
from loan_default_assets.orchestration.dagster_internals import (
    InstigatorState,
    InstigatorType,
    RemoteInstigatorOrigin,
)
from loan_default_assets.orchestration.drift_alerts import DRIFT_SENSOR
from loan_default_assets.settings import Settings
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.warehouse import samples

LOCAL = RegisteredCodeLocationOrigin("loan_default_assets.definitions")
CONTAINER = GrpcServerCodeLocationOrigin("code", port=4000, location_name="loan_default_assets")
RUNNING, STOPPED, DECLARED = (
    InstigatorStatus.RUNNING,
    InstigatorStatus.STOPPED,
    InstigatorStatus.DECLARED_IN_CODE,
)
FORMER, PRESENT = "retrain_when_f1_falls", "retrain_on_f1_below_target"


@dataclass
class Recorded:
    """The sensor states of one instance."""

    instance: dg.DagsterInstance

    def add(
        self,
        name: str,
        status: InstigatorStatus,
        cursor: str | None,
        location: CodeLocationOrigin = LOCAL,
        data: Any = None,
        kind: InstigatorType = InstigatorType.SENSOR,
    ) -> None:
        data = data or SensorInstigatorData(last_run_key="key", min_interval=30, cursor=cursor)
        repository = RemoteRepositoryOrigin(location, "__repository__")
        origin = RemoteInstigatorOrigin(repository_origin=repository, instigator_name=name)
        self.instance.add_instigator_state(InstigatorState(origin, kind, status, data))

    def all(self) -> dict[tuple[str, str], tuple[InstigatorStatus, Any]]:
        """Status and data by code location and name."""
        return {
            (state.origin.location_name, state.instigator_name): (state.status, state.instigator_data)
            for state in self.instance.all_instigator_state()
        }


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Recorded(instance)


@pytest.mark.parametrize("status", [RUNNING, STOPPED, DECLARED], ids=str)
@pytest.mark.parametrize(("former", "present"), former_names.SENSORS.items())
def test_status_and_cursor_are_copied_once(
    recorded: Recorded, former: str, present: str, status: InstigatorStatus
) -> None:
    recorded.add(former, status, '{"alerted": "hold:m1:s2"}')
    before = recorded.all()
    assert former_names.carry_over(recorded.instance) == [present]
    after = recorded.all()
    assert after[LOCAL.location_name, present] == before[LOCAL.location_name, former]
    assert after[LOCAL.location_name, present][0] == status
    assert before.items() <= after.items()
    assert len(after) == 2
    assert former_names.carry_over(recorded.instance) == []
    assert recorded.all() == after


def test_every_code_location_is_carried_over(recorded: Recorded) -> None:
    recorded.add(FORMER, RUNNING, "local")
    recorded.add(FORMER, STOPPED, "container", CONTAINER)
    assert former_names.carry_over(recorded.instance) == [PRESENT] * 2
    states = recorded.all()
    assert states[LOCAL.location_name, PRESENT] == states[LOCAL.location_name, FORMER]
    assert states["loan_default_assets", PRESENT] == states["loan_default_assets", FORMER]


@pytest.mark.parametrize("former_status", [RUNNING, STOPPED], ids=str)
@pytest.mark.parametrize("present_status", [RUNNING, STOPPED], ids=str)
@pytest.mark.parametrize("present_host", ["code", "moved"])
def test_a_state_under_the_present_name_is_never_overwritten(
    recorded: Recorded, former_status: InstigatorStatus, present_status: InstigatorStatus, present_host: str
) -> None:
    recorded.add(FORMER, former_status, "former", CONTAINER)
    location = GrpcServerCodeLocationOrigin(present_host, port=4000, location_name=CONTAINER.location_name)
    recorded.add(PRESENT, present_status, "present", location)
    before = recorded.all()
    assert former_names.carry_over(recorded.instance) == []
    assert recorded.all() == before


def test_a_state_that_another_process_records_meanwhile_is_kept(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded.add(FORMER, STOPPED, "former")
    earlier = recorded.instance.all_instigator_state()
    recorded.add(PRESENT, RUNNING, "present")
    before = recorded.all()
    with monkeypatch.context() as patch:
        patch.setattr(recorded.instance, "all_instigator_state", lambda **_: earlier)
        assert former_names.carry_over(recorded.instance) == []
    assert recorded.all() == before


def test_other_sensors_and_schedules_are_not_copied(recorded: Recorded) -> None:
    recorded.add("another_sensor", STOPPED, "cursor")
    recorded.add(
        FORMER, STOPPED, None, CONTAINER, ScheduleInstigatorData("0 6 * * *"), InstigatorType.SCHEDULE
    )
    before = recorded.all()
    assert former_names.carry_over(recorded.instance) == []
    assert recorded.all() == before


def test_the_present_names_are_those_of_the_definitions(tmp_path: Path) -> None:
    definitions = build_definitions(
        settings=Settings(loan_default_home=tmp_path), portfolio=samples.portfolio()
    )
    repository = definitions.get_repository_def()
    # Has no former name.
    added = {DRIFT_SENSOR, APPROVAL_SENSOR}
    assert set(former_names.SENSORS.values()) | added == {sensor.name for sensor in repository.sensor_defs}
    assert set(former_names.JOBS.values()) <= set(repository.job_names)
    assert not set(former_names.JOBS) & set(repository.job_names)


def test_a_command_finds_a_stopped_sensor_stopped(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_bank.bank(tmp_path)
    with open_session(small_bank.settings(tmp_path, database_url)) as session:
        for name, value in environment(session).items():
            monkeypatch.setenv(name, value)
        with dagster_instance(session) as instance:
            assert Recorded(instance).all() == {}
            Recorded(instance).add(FORMER, STOPPED, "cursor")
        with dagster_instance(session) as instance:
            states = Recorded(instance).all()
        with dagster_instance(session) as instance:
            assert Recorded(instance).all() == states
    assert states[LOCAL.location_name, PRESENT][0] == STOPPED
    assert states[LOCAL.location_name, PRESENT] == states[LOCAL.location_name, FORMER]
