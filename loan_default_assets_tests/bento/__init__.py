"""Tests of the service, against a running process wherever the transport matters."""
