from __future__ import annotations

from typing import Any

import pytest

from db.models import BookingStatus, ServiceType
from tests.webhook_gateway.conftest import Browser
from tests.webhook_gateway.world import World

NEWEST_FIRST = ["students/me/packages", "students/me/orders", "students/me/bookings", "admin/jobs", "admin/events"]


def pages(browser: Browser, path: str, limit: int) -> list[list[int]]:
    """Follow a list to its end, and return the ids of each page."""
    found: list[list[int]] = []
    cursor = ""
    while True:
        answer: Any = browser.get(f"/api/{path}?limit={limit}{cursor}", role="staff").get_json()
        found.append([item["id"] for item in answer["items"]])
        if answer["nextCursor"] is None:
            return found
        cursor = f"&cursor={answer['nextCursor']}"


@pytest.fixture
def seven(world: World) -> list[int]:
    """Make seven of everything that is listed, and return their ids."""
    lumen = world.organization("lumen")
    ada = world.student(lumen, "ada")
    for number in range(7):
        product = world.product(lumen, f"P{number}", (ServiceType.GROUP, 1, 60))
        order = world.order(ada, product)
        world.package(order, (ServiceType.GROUP, 1, 60))
        world.booking(order, BookingStatus.DRAFT)
        world.job(lumen, ada)
        world.event(lumen)
    return list(range(1, 8))


@pytest.mark.parametrize("path", NEWEST_FIRST)
def test_pages_show_each_row_once_newest_first(browser: Browser, seven: list[int], path: str) -> None:
    newest = seven[::-1]

    assert pages(browser, path, 3) == [newest[:3], newest[3:6], newest[6:]]
    assert pages(browser, path, 7) == [newest]
    assert pages(browser, path, 200) == [newest]


def test_the_catalog_is_paged_as_it_was_made(browser: Browser, seven: list[int]) -> None:
    assert pages(browser, "packages", 4) == [seven[:4], seven[4:]]


def test_a_row_that_comes_in_between_is_not_shown_twice(browser: Browser, seven: list[int], world: World) -> None:
    first: Any = browser.get("/api/admin/events?limit=3", role="staff").get_json()
    world.event(None)

    second: Any = browser.get(f"/api/admin/events?limit=3&cursor={first['nextCursor']}", role="staff").get_json()

    assert [item["id"] for item in first["items"] + second["items"]] == seven[:0:-1]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1e2", ""])
def test_a_page_has_its_limits(browser: Browser, seven: list[int], limit: str) -> None:
    assert seven

    assert browser.get(f"/api/students/me/orders?limit={limit}").status_code == 422
