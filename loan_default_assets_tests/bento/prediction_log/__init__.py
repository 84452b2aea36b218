"""Tests of `bento.prediction_log`."""
