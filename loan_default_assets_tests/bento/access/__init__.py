"""Tests of `bento.access`."""
