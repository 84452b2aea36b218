"""One worker and what it reports of itself: life cycle, registry of workers, model info, metrics."""
