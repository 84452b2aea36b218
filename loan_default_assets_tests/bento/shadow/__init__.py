"""Tests of `bento.shadow`."""
