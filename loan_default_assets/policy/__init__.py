"""When to retrain and what to promote: pure functions of a state, without any input or output."""
