"""Run by Alembic: applies the migrations over the connection that it is given."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table_schema="autotts", transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
