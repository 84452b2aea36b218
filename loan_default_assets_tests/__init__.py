"""Tests, in the same packages as the code they check; measurements of speed are in `benchmarks`."""

from loan_default_assets.garbage import collect_rarely

# The processes of tests and measurements are started as often as the product's.
collect_rarely()
