"""Tests, in the same packages as the code they check; measurements of speed are in `benchmarks`."""
