"""Run by alembic: migrate in the transaction that the catalog holds open."""

from alembic import context

from edversion.catalog.tables import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=False,  # the catalog's own transaction is around it
)
context.run_migrations()
