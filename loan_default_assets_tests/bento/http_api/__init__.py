"""Tests of `bento.http_api`."""
