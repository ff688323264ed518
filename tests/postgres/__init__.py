"""A PostgreSQL server and PgBouncer for the tests, from Debian's packages."""
