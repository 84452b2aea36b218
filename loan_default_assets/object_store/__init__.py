"""Artifacts behind a URL: the objects themselves, and their verified copies under LOAN_DEFAULT_HOME."""
