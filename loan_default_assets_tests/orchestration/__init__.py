"""What Dagster does without being asked: the sensors and conditions, against a real database and a real daemon."""
