"""The PostgreSQL server for use without DATABASE_URL; see docs/decisions/embedded-postgresql.md."""
