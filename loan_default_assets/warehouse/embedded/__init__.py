"""The PostgreSQL server that is used when DATABASE_URL is unset."""
