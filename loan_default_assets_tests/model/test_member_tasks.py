"""Members that are fitted by what an engine is given."""

from loan_default_assets.model.training import fit
from loan_default_assets.model.training_loop import Epoch
from loan_default_assets_tests.model.examples import loans, pretrained, tiny
from loan_default_assets_tests.model.reversed_tasks import ReversedTasks
from loan_default_assets_tests.model.test_member_processes import assert_equal


def test_members_fitted_as_tasks_are_the_same_and_keep_no_memory_of_the_engine() -> None:
    engine, seen = ReversedTasks(), list[Epoch]()
    rows, validation, config = loans(300), loans(200, seed=1), tiny(members=3, teacher=0.0, boosting=False)
    encoder = pretrained(rows, config)
    alone = fit(encoder, rows, validation, config)
    as_tasks = fit(encoder, rows, validation, config, run_tasks=engine.run_tasks, on_epoch=seen.append)
    assert_equal(alone, as_tasks)
    assert [epoch.member for epoch in seen] == [3, 3, 2, 2, 1, 1]
    for state, _ in engine.returned:
        for values in state.values():
            values.fill(7.0)
    assert_equal(alone, as_tasks)
