"""How default is predicted, with torch and numpy; no Dagster, no SQL, and nothing about one bank's columns."""
