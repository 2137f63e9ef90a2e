"""A stack that journeys share: to start one takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from db.connection import build_engine
from domain.audit.audit import audit
from tests.stack import Stack, running
from worker import clock


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("journeys") / "home") as each:
        yield each


@pytest.fixture
def sound(stack: Stack) -> Iterator[None]:
    """See after a test that every rule holds."""
    yield
    engine = build_engine(stack.database_url, name="test", size=1)
    with Session(engine) as session:
        violations = audit(session, at=clock.now())
    engine.dispose()
    assert violations == []
