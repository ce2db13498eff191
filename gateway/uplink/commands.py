"""What a broker may ask of the gateway: acknowledge or shelve an alarm, a rebirth, the gaps. Nothing else, ever.

    {"id": "c-17", "do": "ack", "alarm": "feeder1/va/limit_high", "by": "anna"}        ack · unshelve
    {"id": "c-18", "do": "shelve", "alarm": …, "until": "2026-11-20T12:00:00.000Z", "by": "anna"}
    {"id": "c-19", "do": "rebirth"}                                                      rebirth · gaps

Each is answered with {"v":1,"id":…,"ok":true} or {"v":1,"id":…,"ok":false,"error":…}. A repeated `id` is answered with
the first answer again and does nothing, so a sender may ask until it has heard.
"""

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

Reply: TypeAlias = dict[str, Any]

COMMAND_BYTES = 8 * 1024
"""Largest command; the longest real one has about 300."""
TEXT_CHARACTERS = 256
"""Longest value of a key: names, identifiers and times are shorter."""
REMEMBERED = 256
"""Answers that are kept for repeated identifiers; the oldest is forgotten."""

_NEEDED = {
    "ack": ("alarm",),
    "shelve": ("alarm", "until"),
    "unshelve": ("alarm",),
    "rebirth": (),
    "gaps": (),
}
_KEYS = ("id", "do", "alarm", "until", "by")


class CommandRefused(Exception):
    """The sender must ask differently. `id` is its identifier, as far as it could be read."""

    def __init__(self, text: str, identifier: str | None = None) -> None:
        super().__init__(text)
        self.id = identifier


def parse(payload: bytes) -> dict[str, str]:
    """Return the keys of a command, all text.

    Raises:
        CommandRefused: it is no command.
    """
    if len(payload) > COMMAND_BYTES:
        raise CommandRefused(f"command of {len(payload)} bytes is over {COMMAND_BYTES}")
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        raise CommandRefused("not JSON") from None
    if not isinstance(told, dict):
        raise CommandRefused("not a JSON object")
    identifier = told.get("id")
    if not isinstance(identifier, str) or not 0 < len(identifier) <= TEXT_CHARACTERS:
        raise CommandRefused(f"id: a text of 1 to {TEXT_CHARACTERS} characters is needed")
    fault = _fault(told)
    if fault:
        raise CommandRefused(fault, identifier)
    return {key: value for key, value in told.items() if value is not None}


def _fault(told: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the keys and values, if anything."""
    for key, value in told.items():
        if key not in _KEYS:
            return f"{key[:TEXT_CHARACTERS]}: not known, only {', '.join(_KEYS)}"
        if value is not None and (not isinstance(value, str) or len(value) > TEXT_CHARACTERS):
            return f"{key}: not a text of at most {TEXT_CHARACTERS} characters"
    if told.get("do") not in _NEEDED:
        return f"do: not one of {', '.join(_NEEDED)}"
    missing = [key for key in _NEEDED[told["do"]] if not told.get(key)]
    return f"{missing[0]}: needed for {told['do']}" if missing else None


class Commands:
    """Answers commands. `alarms` acts on an alarm, `gaps` lists the holes, `rebirth` asks for another birth."""

    def __init__(
        self,
        *,
        alarms: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        gaps: Callable[[], Awaitable[Reply]],
        rebirth: Callable[[], None],
    ) -> None:
        self._alarms = alarms
        self._gaps = gaps
        self._rebirth = rebirth
        self._answered: OrderedDict[str, Reply] = OrderedDict()

    async def answer(self, payload: bytes) -> Reply:
        """Do what `payload` asks, once, and return the reply."""
        try:
            command = parse(payload)
        except CommandRefused as refused:
            return {"id": refused.id, "ok": False, "error": str(refused)}
        identifier = command["id"]
        if command["do"] == "gaps":  # changes nothing, and may be long: asked again, answered anew
            return {"id": identifier, "ok": True, **await self._gaps()}
        if identifier not in self._answered:
            self._answered[identifier] = {"id": identifier, "ok": True, **self._do(command)}
            if len(self._answered) > REMEMBERED:
                self._answered.popitem(last=False)
        return self._answered[identifier]

    def _do(self, command: Mapping[str, str]) -> Mapping[str, Any]:
        if command["do"] == "rebirth":
            self._rebirth()
            return {}
        return self._alarms(command)
