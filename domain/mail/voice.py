"""A studio's voice: whole sentences in its language, times in its own days and hours, money as it writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from domain.mail.readable_time import zone_name
from domain.money import WHOLE, written

# The language of the sentences in the code; every other one is a file of this folder.
SOURCE = "en"
FOLDER = Path(__file__).parent / "languages"


def msgid(sentence: str, /) -> str:
    """Mark a sentence that is said elsewhere, so that it is translated too."""
    return sentence


def msgids(one: str, many: str, /) -> tuple[str, str]:
    """Mark a phrase about one or several that is said elsewhere."""
    return one, many


# How a day is written, in the letters of Unicode's dates (UTS 35).
LONG_DAY, SHORT_DAY, DATE = msgid("EEEE d MMMM y"), msgid("EEE d MMM"), msgid("d MMMM y")

# How an amount is written, by whether its currency has no minor units; where its groups and its point are is known.
AMOUNT = {
    True: "#,##0\N{NO-BREAK SPACE}\N{CURRENCY SIGN}\N{CURRENCY SIGN}",
    False: "#,##0.00\N{NO-BREAK SPACE}\N{CURRENCY SIGN}\N{CURRENCY SIGN}",
}


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that mails can be written in, by their two letters (ISO 639-1)."""
    return tuple(sorted([SOURCE, *(path.stem for path in FOLDER.glob("*.po"))]))


# Babel is imported where it is used: only who writes mails needs its memory.
@cache
def _sentences(language: str) -> NullTranslations:
    if language == SOURCE:
        return NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with (FOLDER / f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return GNUTranslations(compiled)


@dataclass(frozen=True, slots=True)
class Voice:
    """How an organization speaks: one of the known languages, and the IANA zone of its days and hours."""

    language: str
    timezone: str

    def say(self, sentence: str, /, **values: object) -> str:
        """Return a sentence with its named places filled."""
        return _sentences(self.language).gettext(sentence).format(**values)

    def plural(self, one: str, many: str, number: int, /, **values: object) -> str:
        """Return what is said of so many, which is `number` in it."""
        return _sentences(self.language).ngettext(one, many, number).format(number=number, **values)

    def money(self, amount: int, currency: str) -> str:
        """Return an amount in minor units as people read it, such as `8 000.00 TRY`."""
        if self.language == SOURCE:
            return written(amount, currency)
        from babel.numbers import format_currency  # noqa: PLC0415

        whole = currency in WHOLE
        value = Decimal(amount) if whole else Decimal(amount).scaleb(-2)
        return format_currency(value, currency, AMOUNT[whole], locale=self.language, currency_digits=False)

    def day(self, instant: datetime) -> str:
        """Return the local day of an instant, such as `Tuesday 24 November 2026`."""
        return self.calendar_day(self._local(instant))

    def calendar_day(self, local: date) -> str:
        """Return a local day, such as `Tuesday 24 November 2026`."""
        return self._date(local, LONG_DAY)

    def last_day(self, end: datetime) -> str:
        """Return the last local day of a validity, whose end is the midnight after it, such as `24 November 2026`."""
        return self._date(self._local(end).date() - timedelta(days=1), DATE)

    def start(self, instant: datetime) -> str:
        """Return a local day and time with its zone, such as `Tuesday 24 November 2026, 10:00 EST`."""
        return self._moment(self._local(instant), LONG_DAY)

    def brief(self, instant: datetime) -> str:
        """Return the same shorter, for a line that has no room, such as `Tue 24 Nov, 10:00 EST`."""
        return self._moment(self._local(instant), SHORT_DAY)

    def span(self, start_at: datetime, end_at: datetime) -> str:
        """Return from when to when, such as `Tuesday 24 November 2026, 10:00-10:45 EST`.

        What differs between both is said of both: the day over midnight, the zone in a night when clocks change.
        """
        begin, end = self._local(start_at), self._local(end_at)
        says = {"day": self.calendar_day(begin), "begin": f"{begin:%H:%M}", "end": f"{end:%H:%M}"}
        says |= {"zone": zone_name(begin), "end_day": self.calendar_day(end), "end_zone": zone_name(end)}
        return self.say(_span(begin, end), **says)

    def _local(self, instant: datetime) -> datetime:
        return instant.astimezone(ZoneInfo(self.timezone))

    def _moment(self, local: datetime, pattern: str) -> str:
        says = {"day": self._date(local, pattern), "time": f"{local:%H:%M}", "zone": zone_name(local)}
        return self.say("{day}, {time} {zone}", **says)

    def _date(self, local: date, pattern: str) -> str:
        from babel.dates import format_date  # noqa: PLC0415

        return format_date(local, self.say(pattern), locale=self.language)


def _span(begin: datetime, end: datetime) -> str:
    """Return the sentence for two local times."""
    same_zone = zone_name(begin) == zone_name(end)
    if begin.date() == end.date():
        if same_zone:
            return msgid("{day}, {begin}\N{EN DASH}{end} {zone}")
        return msgid("{day}, {begin} {zone} \N{EN DASH} {end} {end_zone}")
    if same_zone:
        return msgid("{day}, {begin} \N{EN DASH} {end_day}, {end} {zone}")
    return msgid("{day}, {begin} {zone} \N{EN DASH} {end_day}, {end} {end_zone}")


def voice_of(row: Mapping[str, Any]) -> Voice:
    """Return how the organization of a row speaks; in the language of the code where its own is not known here."""
    return Voice(row["language"] if row["language"] in languages() else SOURCE, row["timezone"])
