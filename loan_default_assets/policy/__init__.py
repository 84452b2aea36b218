"""When to retrain and which model to promote: pure functions of recorded facts, without input or output."""
