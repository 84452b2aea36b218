"""All measurements, one after the other: `make bench`, or `python -m ... ingestion` for one of them."""

import importlib
import sys

NAMES = ("ingestion", "training", "backfill")

for name in sys.argv[1:] or NAMES:
    importlib.import_module(f"loan_default_assets_tests.benchmarks.{name}").main()
