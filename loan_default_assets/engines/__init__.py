"""Where the heavy work of a step runs: in the run's own process, or as tasks of a Ray cluster."""
