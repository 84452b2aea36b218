"""Members that are fitted by what an engine is given."""

from collections.abc import Callable, Sequence
from typing import Any

from loan_default_assets.model.training import fit
from loan_default_assets.model.training_loop import Epoch
from loan_default_assets_tests.model.examples import loans, pretrained, tiny
from loan_default_assets_tests.model.test_member_processes import assert_equal


def test_members_fitted_as_tasks_are_the_same_and_keep_no_memory_of_the_engine() -> None:
    returned: list[Any] = []
    seen: list[Epoch] = []

    def run_tasks(
        function: Callable[..., Any],
        shared: dict[str, Any],
        items: Sequence[Any],
        on_report: Callable[[int, Any], None],
    ) -> list[Any]:
        for values in shared.values():
            values.flags.writeable = False
        # In another order than that of the members.
        for number in reversed(range(len(items))):
            returned.insert(
                0, function(shared, items[number], lambda epoch, number=number: on_report(number, epoch))
            )
        return returned

    rows, validation, config = loans(300), loans(200, seed=1), tiny(members=3, teacher=0.0, boosting=False)
    encoder = pretrained(rows, config)
    alone = fit(encoder, rows, validation, config)
    as_tasks = fit(encoder, rows, validation, config, run_tasks=run_tasks, on_epoch=seen.append)
    assert_equal(alone, as_tasks)
    assert [epoch.member for epoch in seen] == [3, 3, 2, 2, 1, 1]
    for state, _ in returned:
        for values in state.values():
            values.fill(7.0)
    assert_equal(alone, as_tasks)
