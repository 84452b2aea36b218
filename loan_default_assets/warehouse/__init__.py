"""Where rows and versions live: PostgreSQL and nothing else; no training, no Dagster."""
