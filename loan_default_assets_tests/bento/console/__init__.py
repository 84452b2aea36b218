"""Tests of `bento.console`."""
