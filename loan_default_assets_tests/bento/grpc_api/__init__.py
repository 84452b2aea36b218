"""Tests of `bento.grpc_api`."""
