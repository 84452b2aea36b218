"""One worker process: start and stop, worker registry, model info, metrics, and BentoML's private parts."""
