"""How Alembic reaches the database: through the connection that `db.schema` hands over, or DATABASE_URL."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection

from db.connection import build_engine
from db.models import Base


def migrate(connection: Connection) -> None:
    """Run the wanted revisions in one transaction."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


handed_over: Connection | None = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
else:
    with build_engine(os.environ["DATABASE_URL"], name="alembic").connect() as own:
        migrate(own)
        own.commit()
