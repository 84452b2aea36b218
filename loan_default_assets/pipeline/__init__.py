"""The steps of the chain from raw loans to the champion, as plain functions over tables, models and policies.

Nothing in this package imports Dagster; the assets call these functions.
"""
