"""Runs migrations on the connection that `clary.db.migrate` hands over, in one transaction."""

from alembic import context


def run() -> None:
    """All steps or none."""
    connection = context.config.attributes["connection"]
    if connection.dialect.name == "sqlite":
        # The driver would commit before each statement that changes the schema; begun by hand, all steps are one.
        connection.connection.driver_connection.isolation_level = None
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.configure(connection=connection, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
    if connection.dialect.name == "sqlite":
        connection.commit()


run()
