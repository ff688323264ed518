"""Runs and archives in a PostgreSQL database, with psycopg 3; the extra ``postgres`` installs it."""
