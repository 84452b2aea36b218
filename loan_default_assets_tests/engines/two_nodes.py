"""A Ray cluster of two nodes of one CPU each, a node that can be killed, and an engine that notes where calls run."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from loan_default_assets.engines.ray_engine import RayEngine
from loan_default_assets_tests.engines import calls

_OBJECT_STORE = 100 << 20


class TwoNodes:
    """The nodes by their ids; the head node, on which this process is the driver, has no CPU."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        # Memory for one run of Dagster each.
        nodes = [
            cluster.add_node(num_cpus=1, memory=3 << 30, object_store_memory=_OBJECT_STORE) for _ in range(2)
        ]
        self.nodes = {node.node_id: node for node in nodes}
        cluster.wait_for_nodes()

    def kill(self, node_id: str) -> None:
        """kill -9 of the node and of every process on it."""
        raylet = psutil.Process(self.nodes[node_id].all_processes["raylet"][0].process.pid)
        for process in [raylet, *raylet.children(recursive=True)]:
            process.kill()

    def remove(self) -> None:
        for node in self.nodes.values():
            self.cluster.remove_node(node, allow_graceful=False)


@contextmanager
def two_nodes(cluster: Any) -> Iterator[TwoNodes]:
    """Two nodes for one test."""
    nodes = TwoNodes(cluster)
    try:
        yield nodes
    finally:
        nodes.remove()


@contextmanager
def ray_variables() -> Iterator[pytest.MonkeyPatch]:
    """No figures for Ray's makers, no other cluster, and a token that Ray does not write into the user's home."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
        environment.delenv("RAY_ADDRESS", raising=False)
        yield environment


@contextmanager
def head_node(**arguments: Any) -> Iterator[Any]:
    """A head node without CPUs and memory for runs, which ENGINE=ray finds."""
    import ray
    from ray.cluster_utils import Cluster

    with ray_variables() as environment:
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "memory": 100 << 20,
                "object_store_memory": _OBJECT_STORE,
                "include_dashboard": False,
                # Other clusters may run on this machine.
                "dashboard_port": 0,
                "dashboard_agent_listen_port": 0,
                # A killed node is noticed after 5 s instead of 15.
                "_system_config": {"health_check_period_ms": 1000},
                **arguments,
            },
        )
        environment.setenv("RAY_ADDRESS", cluster.address)
        try:
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


class NotingEngine(RayEngine):
    """Ray's engine, which notes the node of every call in a file and hands what arrives to a function of the test.

    Args:
        folder: Gets a file per call: `map-0`, `run-0`, ... A later `run_tasks` goes on with the numbers.
        arrived: Called with the number of the call, after a result of `map_tasks` or a report of `run_tasks`.
    """

    def __init__(self, folder: Path, arrived: Callable[[int], None] = lambda _: None) -> None:
        super().__init__(None)
        self.folder, self.arrived, self._run = folder, arrived, 0

    def map_tasks(self, function: Callable[..., Any], shared: Any, items: Iterable[Any]) -> Iterator[Any]:
        noted = (str(self.folder), function, shared)
        for number, result in enumerate(super().map_tasks(calls.noted_result, noted, enumerate(items))):
            self.arrived(number)
            yield result

    def run_tasks(
        self,
        function: Callable[..., Any],
        shared: Any,
        items: Sequence[Any],
        on_report: Callable[[int, Any], None],
    ) -> list[Any]:
        # Training calls this for the boosting of its stack, and then for its members.
        first = self._run
        self._run += len(items)

        def report(number: int, value: Any) -> None:
            on_report(number, value)
            self.arrived(first + number)

        noted = (str(self.folder), function, shared)
        return super().run_tasks(calls.noted_reports, noted, list(enumerate(items, first)), report)

    def nodes_of(self, call: str) -> list[str]:
        """The nodes on which a call was begun, in order."""
        return (self.folder / call).read_text().split()

    def nodes(self) -> set[str]:
        """The nodes on which any call was begun."""
        return {node for path in self.folder.iterdir() for node in self.nodes_of(path.name)}


class KillingEngine(NotingEngine):
    """Kills the node of the first call whose `after`-th result or report arrives, once.

    Attributes:
        killed: The node and the call.
    """

    def __init__(self, folder: Path, nodes: TwoNodes, after: int, kind: str) -> None:
        super().__init__(folder, self._count)
        self._nodes, self._after, self._kind, self._arrived = nodes, after, kind, 0
        self.killed: tuple[str, str] | None = None

    def _count(self, number: int) -> None:
        self._arrived += 1
        if self.killed is None and self._arrived == self._after:
            # What runs next on the node of this call is lost.
            node = self.nodes_of(f"{self._kind}-{number}")[-1]
            self.killed = node, f"{self._kind}-{number}"
            self._nodes.kill(node)
