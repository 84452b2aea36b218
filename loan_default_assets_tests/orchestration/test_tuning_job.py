from loan_default_assets.commands.session import definitions
from loan_default_assets.orchestration import jobs
from loan_default_assets_tests.opened_bank import Bank


def test_the_job_tries_settings_and_changes_no_model(good_bank: Bank) -> None:
    session = good_bank.session
    before = [record.version for record in session.registry.history()]
    job = definitions(session).resolve_job_def(jobs.TUNE)
    result = job.execute_in_process(
        instance=good_bank.instance, run_config={"ops": {"try_settings": {"config": {"trials": 2}}}}
    )
    assert result.success
    (output,) = [event for event in result.all_events if event.is_successful_output]
    assert output.step_output_data.metadata["trials"].value == 2
    assert [record.version for record in session.registry.history()] == before


def test_nothing_starts_the_job_by_itself(good_bank: Bank) -> None:
    repository = definitions(good_bank.session).get_repository_def()
    assert jobs.TUNE in repository.job_names
    assert repository.schedule_defs == []
    for sensor in repository.sensor_defs:
        targets = [target.job_name for target in sensor.targets]
        assert jobs.TUNE not in targets
