"""What a broker may ask of the gateway: acknowledge or shelve an alarm, a rebirth, the gaps. Nothing else, ever.

    {"id": "c-17", "do": "ack", "alarm": "feeder1/va/limit_high", "by": "anna"}        ack · unshelve
    {"id": "c-18", "do": "shelve", "alarm": …, "until": "2026-11-20T12:00:00.000Z", "by": "anna"}
    {"id": "c-19", "do": "rebirth"}                                                      rebirth · gaps

Each is answered with {"v":1,"id":…,"ok":true} or {"v":1,"id":…,"ok":false,"error":…}, once what it changed is on disk.
A repeated `id` is answered with the first answer again and does nothing, so a sender may ask until it has heard. A
command with "expires" does nothing after that time: one that waited in a broker while the link was down. Each is
recorded, whatever came of it.
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

Reply: TypeAlias = dict[str, Any]

COMMAND_BYTES = 8 * 1024
"""Largest command; the longest real one has about 300."""
TEXT_CHARACTERS = 256
"""Longest value of a key: names, identifiers and times are shorter."""
KEPT_S = 1
"""How long a reply waits for the disk: a commit takes milliseconds, unless the disk refuses or hangs."""
REMEMBERED = 256
"""Answers that are kept for repeated identifiers; the oldest is forgotten."""

_NEEDED = {
    "ack": ("alarm",),
    "shelve": ("alarm", "until"),
    "unshelve": ("alarm",),
    "rebirth": (),
    "gaps": (),
}
_KEYS = ("id", "do", "alarm", "until", "by", "expires")


class Outcome(StrEnum):
    """What came of a command."""

    DONE = "done"
    REFUSED = "refused"
    """It cannot be carried out now: no such alarm, a time that is past."""
    REPEATED = "repeated"
    EXPIRED = "expired"
    MALFORMED = "malformed"
    OVERSIZED = "oversized"


class Journal(Protocol):
    """Who keeps what was asked and what came of it, and knows the time."""

    def now_ns(self) -> int:
        """Return UTC, nanoseconds since 1970."""

    def command(self, outcome: Outcome, told: Mapping[str, Any]) -> None:
        """Keep one command: its keys, and `error` where it was not carried out."""

    def dropped(self, count: int) -> None:
        """Keep that so many commands were not read at all."""


class NoJournal:
    """Keeps nothing."""

    def now_ns(self) -> int:
        """Return UTC, nanoseconds since 1970."""
        return time.time_ns()

    def command(self, outcome: Outcome, told: Mapping[str, Any]) -> None:
        """Keep nothing."""

    def dropped(self, count: int) -> None:
        """Keep nothing."""


NO_JOURNAL: Journal = NoJournal()


class CommandRefused(Exception):
    """The sender must ask differently. `id` is its identifier, as far as it could be read."""

    def __init__(self, text: str, identifier: str | None = None, outcome: Outcome = Outcome.MALFORMED) -> None:
        super().__init__(text)
        self.id, self.outcome = identifier, outcome


def parse(payload: bytes) -> dict[str, str]:
    """Return the keys of a command, all text.

    Raises:
        CommandRefused: it is no command.
    """
    if len(payload) > COMMAND_BYTES:
        raise CommandRefused(f"command of {len(payload)} bytes is over {COMMAND_BYTES}", outcome=Outcome.OVERSIZED)
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
    if missing:
        return f"{missing[0]}: needed for {told['do']}"
    return None if instant_s(told.get("expires") or "2000-01-01") else "expires: no time like 2026-11-20T12:00:00Z"


def instant_s(text: str) -> float | None:
    """Return seconds since 1970 of an ISO 8601 time, or None; one without a zone is UTC."""
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


class Commands:
    """Answers commands. `alarms` acts on an alarm, `gaps` lists the holes, `rebirth` asks for another birth.

    `kept` returns when what `alarms` changed is on disk: nobody is told of an acknowledgement that a crash would undo.
    `journal` is told of each, and its clock decides whether one has expired.
    """

    def __init__(
        self,
        *,
        alarms: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        gaps: Callable[[], Awaitable[Reply]],
        rebirth: Callable[[], None],
        kept: Callable[[], Awaitable[None]],
        journal: Journal = NO_JOURNAL,
    ) -> None:
        self._alarms = alarms
        self._gaps = gaps
        self._rebirth = rebirth
        self._kept = kept
        self._journal = journal
        self._answered: OrderedDict[str, Reply] = OrderedDict()

    async def answer(self, payload: bytes) -> Reply:
        """Do what `payload` asks, once, and return the reply."""
        try:
            command = parse(payload)
        except CommandRefused as refused:
            self._journal.command(refused.outcome, {"id": refused.id, "error": str(refused), "bytes": len(payload)})
            return {"id": refused.id, "ok": False, "error": str(refused)}
        outcome, reply = await self._decided(command)
        self._journal.command(outcome, {**command, "error": reply.get("error")})
        return reply

    async def _decided(self, command: Mapping[str, str]) -> tuple[Outcome, Reply]:
        identifier = command["id"]
        if identifier in self._answered:
            return Outcome.REPEATED, self._answered[identifier]
        expired = self._expired(command)
        if expired:
            return Outcome.EXPIRED, self._remembered(identifier, {"ok": False, "error": expired})
        if command["do"] == "gaps":  # changes nothing, and may be long: asked again, answered anew
            reply = {"id": identifier, "ok": True, **await self._gaps()}
        else:
            reply = self._remembered(identifier, await self._done(command))
        return Outcome.DONE if reply["ok"] else Outcome.REFUSED, reply

    def _expired(self, command: Mapping[str, str]) -> str | None:
        until_s, now_s = instant_s(command.get("expires", "")), self._journal.now_ns() / 1e9
        if until_s is None or now_s < until_s:
            return None
        return f"expired {now_s - until_s:.0f} s ago by our clock"

    def _remembered(self, identifier: str, said: Mapping[str, Any]) -> Reply:
        """Keep the reply for whoever asks again."""
        reply = {"id": identifier, "ok": True, **said}
        self._answered[identifier] = reply
        if len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
        return reply

    async def _done(self, command: Mapping[str, str]) -> Mapping[str, Any]:
        if command["do"] == "rebirth":
            self._rebirth()
            return {}
        said = self._alarms(command)
        return said if await self._is_kept() else {**said, "stored": False}

    async def _is_kept(self) -> bool:
        try:
            async with asyncio.timeout(KEPT_S):
                await self._kept()
        except TimeoutError:
            return False
        return True
