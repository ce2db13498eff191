"""Whether the primary host is there: its STATE, believed only if it is not older than the one before."""

import json

STATE_BYTES = 1024
"""Largest STATE; the real ones have 50 bytes."""


class Host:
    """One primary host, or nobody in particular, who is always there. `ignored` counts bad words."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.online = name is None
        self.ignored = 0
        self._last_ms = 0

    def begin(self) -> None:
        """Another conversation: wait for its word again. A host whose clock was set back is believed from here on."""
        self.online = self.name is None
        self._last_ms = 0

    def hear(self, payload: bytes) -> bool:
        """Take a STATE, {"online": true, "timestamp": 1763632800000}; return whether the host has come anew.

        One that was there and is there again, of a later time, has had another session, and missed what was said.
        """
        try:
            told = json.loads(payload) if len(payload) <= STATE_BYTES else None
        except (ValueError, RecursionError):
            told = None
        match told:
            case {"online": bool(online), "timestamp": int(time_ms)} if (
                time_ms is not True and time_ms >= self._last_ms
            ):
                anew = online and self.online and time_ms > self._last_ms
                self.online, self._last_ms = online, time_ms
                return anew
            case _:
                self.ignored += 1
                return False
