"""PostgreSQL: loans, features, model versions, evaluations and predictions. Contains neither training nor Dagster."""
