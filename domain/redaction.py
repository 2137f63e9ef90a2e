"""What must not be read where others look: secrets, addresses, numbers of cards. By their shape, as a second line.

The first line is that nobody writes them down: an exception is told by its type and place, an event
by its id. This is for what libraries say, and for names that strangers chose.
"""

from __future__ import annotations

import re

HIDDEN = "[hidden]"
# An address before its longest form, so that whoever wrote a longer one finds it hidden as well.
SECRETS = re.compile(
    r"""
      whsec_[A-Za-z0-9+/=_-]+                                   # a webhook's signing secret
    | \b[sr]k_(?:live|test)_\w+                                 # a key of Stripe's API
    | \beyJ[\w-]+\.[\w-]+\.[\w-]*                               # a token
    | (?<=://)[^\s@]{0,256}@(?:[^\s@/]{1,256}@)?                # who logs in at an address, also badly written
    | [\w.!#$%&'*+/=?^`{|}~-]{1,128}@[\w-]{1,63}(?:\.[\w-]{1,63})+   # an e-mail address
    """,
    re.VERBOSE,
)
DIGITS = re.compile(r"(?<![\w-])(?<!\d\.)\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)")


def redact(text: str) -> str:
    """Return a text with everything hidden that has the shape of a secret, an address or a card's number."""
    return DIGITS.sub(_card, SECRETS.sub(HIDDEN, text))


def _card(found: re.Match[str]) -> str:
    """Hide a number that a card could have; others, such as ids and times, stay."""
    digits = [int(digit) for digit in found[0] if digit.isdigit()]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits[::-1])]
    return HIDDEN if sum(doubled) % 10 == 0 else found[0]
