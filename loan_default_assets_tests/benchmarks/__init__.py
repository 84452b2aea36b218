"""Benchmarks: ratios of speed within one run. They print tables and assert no times."""
