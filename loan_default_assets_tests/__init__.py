"""Tests, in the same rooms as the code they hold to account; measurements of speed are in `benchmarks`."""
