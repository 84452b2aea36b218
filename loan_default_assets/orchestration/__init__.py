"""Dagster's parts besides the assets: checks, conditions, sensors, jobs, partitions, resources, retries, runs."""
