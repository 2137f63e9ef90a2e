"""Credits as people count them."""

from __future__ import annotations

from db.models import ServiceType
from domain.mail.voice import Voice, msgids

# A credit of a course is one of its steps.
CREDITS = {
    ServiceType.GROUP: msgids("{number} group credit", "{number} group credits"),
    ServiceType.PRIVATE: msgids("{number} private credit", "{number} private credits"),
    ServiceType.COURSE: msgids("{number} course step", "{number} course steps"),
}


def number_of_credits(voice: Voice, service: str, number: int) -> str:
    """Return so many credits of a service in words, such as `2 group credits`."""
    return voice.plural(*CREDITS[ServiceType(service)], number)
