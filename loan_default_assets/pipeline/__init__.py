"""The steps of the chain as plain functions over tables, models and policies; no Dagster."""
