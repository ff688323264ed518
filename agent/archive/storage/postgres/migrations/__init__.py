"""The tables of the database and their changes, applied by Alembic."""
