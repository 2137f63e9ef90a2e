"""kombu's Redis transport, mended where a broker that goes away would silence a worker for good."""

from __future__ import annotations

from kombu.transport import redis, virtual


class FreeingQoS(redis.QoS):
    """Frees the place of a message also when the broker cannot be told that it is done.

    kombu 5.7 raises before it does: the message counts as being worked on for ever, and once all
    places are taken the worker asks for no more, and so never learns that its connection is dead. A
    message is a hint; the one that was not acknowledged comes again, and finds nothing left to do.
    """

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        try:
            self._remove_from_indices(delivery_tag).execute()  # type: ignore[attr-defined] # its stubs do not know it
        finally:
            virtual.QoS.ack(self, delivery_tag)


def mend() -> None:
    """Let every channel count by it."""
    redis.Channel.QoS = FreeingQoS
