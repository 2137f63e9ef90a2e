"""The demo's course, for who takes it."""

from __future__ import annotations

from tests.domain.enrollment.conftest import school as school  # noqa: PLC0414 - a fixture
