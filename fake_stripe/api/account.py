"""The account itself: events, webhook endpoints, the balance."""

from __future__ import annotations

from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.forms import Params
from fake_stripe.ids import fresh
from fake_stripe.listing import Fits, page
from fake_stripe.store import Json

MAX_TYPES = 20
ACCOUNT = {
    "id": "acct_1FakeFakeFakeFake",
    "object": "account",
    "business_profile": {"name": "A fake account", "support_email": None, "url": None},
    "capabilities": {"card_payments": "active", "transfers": "active"},
    "charges_enabled": True,
    "country": "US",
    "default_currency": "usd",
    "details_submitted": True,
    "email": "owner@example.com",
    "metadata": {},
    "payouts_enabled": True,
    "settings": {"dashboard": {"display_name": "A fake account", "timezone": "Etc/UTC"}},
    "type": "standard",
}


def account(fake: Fake, params: Params) -> Json:
    """Return the account."""
    return {**ACCOUNT}


def balance(fake: Fake, params: Params) -> Json:
    """Return the balance, which nobody keeps here."""
    nothing = [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}]
    return {"object": "balance", "available": nothing, "livemode": False, "pending": nothing}


def events(fake: Fake, params: Params) -> Json:
    """List events, of some types only if they are named."""
    types, kind = params.texts("types"), params.text("type")
    if types is not None and kind is not None:
        raise Refused("You may only specify one of these parameters: type, types.")
    if len(types or ()) > MAX_TYPES:
        raise Refused(f"You may list at most {MAX_TYPES} types.", param="types")
    fits: Fits = lambda each: (types is None or each["type"] in types) and _like(each["type"], kind)  # noqa: E731 - one
    return page(fake.store, "event", params, "/v1/events", fits)


def create_endpoint(fake: Fake, params: Params) -> Json:
    """Make a webhook endpoint; this answer alone tells its secret."""
    secret = fresh("webhook_secret")
    made = {
        "id": fresh("webhook_endpoint"),
        "object": "webhook_endpoint",
        "api_version": params.text("api_version"),
        "application": None,
        "created": fake.now(),
        "description": params.text("description"),
        "enabled_events": _types(params) or [],
        "livemode": False,
        "metadata": params.metadata(),
        "status": "enabled",
        "url": _url(params.required("url")),
        "_secret": secret,
    }
    params.flag("connect")
    if not made["enabled_events"]:
        raise Refused("Missing required param: enabled_events.", code="parameter_missing", param="enabled_events")
    return fake.store.put("webhook_endpoint", made) | {"secret": secret}


def update_endpoint(fake: Fake, params: Params, endpoint: str) -> Json:
    """Change a webhook endpoint."""
    found = fake.store.get("webhook_endpoint", endpoint)
    found["url"] = _url(params.text("url", found["url"]))
    found["enabled_events"] = _types(params) or found["enabled_events"]
    found["description"] = params.text("description", found["description"])
    found["metadata"] = params.metadata(found["metadata"])
    disabled = params.flag("disabled")
    if disabled is not None:
        found["status"] = "disabled" if disabled else "enabled"
    return fake.store.put("webhook_endpoint", found)


def remove_endpoint(fake: Fake, params: Params, endpoint: str) -> Json:
    """Forget a webhook endpoint."""
    fake.store.get("webhook_endpoint", endpoint)
    fake.store.remove("webhook_endpoint", endpoint)
    return {"id": endpoint, "object": "webhook_endpoint", "deleted": True}


def endpoints(fake: Fake, params: Params) -> Json:
    """List webhook endpoints."""
    return page(fake.store, "webhook_endpoint", params, "/v1/webhook_endpoints")


def _like(kind: str, wanted: str | None) -> bool:
    """Say whether a type is the wanted one, or begins like it where that ends in a star."""
    return wanted is None or kind == wanted or (wanted.endswith(".*") and kind.startswith(wanted[:-1]))


def _types(params: Params) -> list[str] | None:
    return params.texts("enabled_events")


def _url(url: str | None) -> str:
    if not url or not url.startswith(("http://", "https://")):
        raise Refused(
            "Invalid URL: An explicit scheme (such as https) must be provided.", code="url_invalid", param="url"
        )
    return url
