"""What a loan is, and everything derived from that one description; no database, no model and no Dagster."""
