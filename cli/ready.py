"""Whether a gateway may be sent requests."""

from __future__ import annotations

import http.client


def is_ready(host: str, port: int) -> bool:
    """Ask for `/readyz`; whoever does not answer is not."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
