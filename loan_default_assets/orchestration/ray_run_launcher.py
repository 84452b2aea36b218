"""The launcher that `dagster.yaml` names for a Ray cluster; the only module that imports dagster-ray.

docs/decisions/ray.md has what is changed of dagster-ray, and why.
"""

import shlex

import dagster as dg
from dagster_ray import RayRunLauncher

# Its run configuration could start any program on the nodes.
_TAG = "dagster-ray/config"


class PlatformRayLauncher(RayRunLauncher):
    """dagster-ray's launcher with quoted arguments, for runs that choose nothing of their job by a tag."""

    def _launch_ray_job(self, submission_id: str, entrypoint: str, run: dg.DagsterRun) -> None:
        # Arguments stand between single quotes as they are; those of a storage of one's own contain such quotes.
        command, _, arguments = entrypoint.partition(" '")
        quoted = shlex.quote(arguments.removesuffix("'"))
        tags = {name: value for name, value in run.tags.items() if name != _TAG}
        super()._launch_ray_job(submission_id, f"{command} {quoted}", run.with_tags(tags))
