"""Run all benchmarks (`make bench`), or those that the command line names (`python -m ... ingestion`)."""

import importlib
import sys

NAMES = ("ingestion", "training_steps", "daily_backfill")

for name in sys.argv[1:] or NAMES:
    importlib.import_module(f"loan_default_assets_tests.benchmarks.{name}").main()
