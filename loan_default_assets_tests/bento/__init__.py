"""Tests of the service, against a served process wherever the wire matters."""
