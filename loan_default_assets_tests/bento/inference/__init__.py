"""Tests of `bento.inference`."""
