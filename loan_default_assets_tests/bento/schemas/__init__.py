"""Tests of `bento.schemas`."""
