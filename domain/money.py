"""Money in minor units: whole numbers, rounded half up."""

from __future__ import annotations


def share(amount: int, parts: int) -> int:
    """Return one part's share of an amount in minor units, rounded half up."""
    return (2 * amount + parts) // (2 * parts)


# ISO 4217 currencies that Stripe counts without minor units.
WHOLE = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
)


def written(amount: int, currency: str) -> str:
    """Return an amount in minor units as people read it, such as `8 000.00 TRY`."""
    if currency in WHOLE:
        return f"{amount:,} {currency}".replace(",", "\N{NO-BREAK SPACE}")
    return f"{amount // 100:,}.{amount % 100:02} {currency}".replace(",", "\N{NO-BREAK SPACE}")
