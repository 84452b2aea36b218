"""How default is predicted, with torch and numpy; neither Dagster nor SQL, and nothing about one bank's columns."""
