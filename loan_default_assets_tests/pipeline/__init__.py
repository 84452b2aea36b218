"""Tests of the steps from raw loans to the champion, without Dagster."""
