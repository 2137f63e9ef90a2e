"""Checkouts: what is to be bought through Stripe, and the page to pay on."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from domain.catalog.fields import Code
from webhook_gateway.schema.base import Input, Output
from webhook_gateway.schema.booking import Id, StudentId
from webhook_gateway.schema.redemption import TypedCode

LONGEST = 2_000
# What Stripe puts the Checkout's id into; elsewhere in an address braces have no place.
TEMPLATE = "{CHECKOUT_SESSION_ID}"
CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", re.ASCII)
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def _absolute(address: str) -> str:
    plain = address.replace(TEMPLATE, "")
    try:
        parts, said = urlsplit(plain), urlsplit(address)
        is_whole = bool(parts.hostname) and (parts.port is None or parts.port > 0) and "@" not in parts.netloc
    except ValueError:
        is_whole = False
    if not is_whole or not CHARACTERS.fullmatch(plain):
        raise ValueError(f"Name an absolute address, such as https://example.com/thanks?session={TEMPLATE}")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("Let it begin with https://; http:// is for this machine alone")
    if TEMPLATE in said.netloc + said.fragment:
        raise ValueError(f"Put {TEMPLATE} into the path or the query")
    # Stripe knows a scheme in small letters only.
    return parts.scheme + address[len(parts.scheme) :]


Address = Annotated[str, StringConstraints(strict=True, max_length=LONGEST), AfterValidator(_absolute)]
TEMPLATED = f"Absolute, with https; `{TEMPLATE}` in it becomes the Checkout's id"


class CheckoutRequest(Input):
    """A product that is to be bought."""

    product_code: Code = Field(description="Of a package or a course on sale")
    coupon_code: TypedCode | None = Field(
        default=None, description="In capitals or not; its use is held for as long as the page is open"
    )
    cohort_id: Id | None = Field(default=None, description="The dated run of a course")
    success_url: Address = Field(description=f"Where the browser goes once it is paid. {TEMPLATED}")
    cancel_url: Address = Field(description=f"Where it goes otherwise. {TEMPLATED}")
    student_id: StudentId | None = Field(default=None, description="Who buys, as the frontend names them; by staff")


class CheckoutSession(Output):
    """A page of Stripe's to pay on. Money in minor units."""

    url: str = Field(description="Send the browser there")
    id: str = Field(description="Stripe's")
    expires_at: datetime
    amount_total: int
    currency: str
