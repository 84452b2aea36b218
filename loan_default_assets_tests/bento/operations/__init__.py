"""Tests of `bento.operations`."""
