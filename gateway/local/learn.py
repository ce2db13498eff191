"""What is normal here, for a person: shown in pieces and a stable order, frozen, approved, and learned anew.

These are the only orders that the status socket takes. Each is entered in the audit log with the user who gave it,
whatever came of it; the entry is on disk before the change is, and both before it is answered.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from detectors.cyber.baseline import Baseline, Fact
from gateway.core.pipeline import Pipeline
from gateway.local.checks import learned
from gateway.local.server import NotKnown
from gateway.uplink.payload import iso

FACTS_AT_ONCE: Final = 1000
"""Facts in one answer, some 200 kB; who wants more asks again."""
LAST_NS: Final = 2**63 - 1
"""Times beyond it, of a file that somebody wrote, are told as this one."""
NAMED_MAX: Final = 64
"""Characters of what an asker said that an answer repeats."""


class Audit(Protocol):
    """What is needed of the audit log."""

    def note(self, what: str, who: str, **detail: Any) -> None:
        """Enter that `who` did `what`, now."""

    async def settled(self) -> bool:
        """Wait until what was noted is on disk; return whether it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learn:
    """The facts of one gateway. `keep` brings them to the disk and returns whether they are there."""

    pipeline: Callable[[], Pipeline]
    clock: Callable[[], int]
    audit: Audit
    keep: Callable[[], Awaitable[bool]]

    async def answer(self, asked: Mapping[str, Any], uid: int) -> Mapping[str, Any]:
        """Show, or carry out an order.

        Raises:
            NotKnown: it cannot be done; nothing was changed.
        """
        match asked:
            case {"do": "show"}:
                return self._show(asked.get("after", 0))
            case {"do": "freeze" | "approve" | "relearn" as do}:
                return await self._order(do, asked.get("check"), asked.get("key"), f"uid {uid}")
        raise NotKnown("do: not show, freeze, approve or relearn")

    def _show(self, after: Any) -> Mapping[str, Any]:
        if not isinstance(after, int) or after < 0:
            raise NotKnown("after: not a number of facts")
        pipeline, now_ns = self.pipeline(), self.clock()
        facts = listed({name: each.told() for name, each in pipeline.baselines().items()}, pipeline.utc_ns)
        steady_ns = pipeline.steady_ns(now_ns)
        named = {check: found.share(check, steady_ns) for found, check in _checks(pipeline)}
        return {
            "time": iso(now_ns),
            "running": True,
            "frozen": any(each.frozen for each in pipeline.baselines().values()),
            "share": {check: round(share, 4) for check, share in sorted(named.items())},
            "learned": learned(pipeline.learned()),
            "count": len(facts),
            "facts": facts[after : after + FACTS_AT_ONCE],
        }

    async def _order(self, do: str, check: Any, key: Any, who: str) -> Mapping[str, Any]:
        """Carry out an order: entered first, then on disk, so that a kill leaves no change without its entry."""
        said = {"do": do, "check": _shown(check), "key": _shown(key)}
        try:
            told = self._done(do, check, key, who)
        except NotKnown as error:
            self.audit.note("learn", who, **said, outcome="refused")
            raise NotKnown(str(error)) from None
        self.audit.note("learn", who, **said, outcome="done", **told)
        entered = await self.audit.settled()
        stored = await self.keep()
        return {"done": do, "entered": entered, "stored": stored, **told}

    def _done(self, do: str, check: Any, key: Any, who: str) -> Mapping[str, Any]:
        baselines = self.pipeline().baselines()
        if not baselines:
            raise NotKnown("no check is at work that keeps what is normal: is `cyber` switched off?")
        match do, check, key:
            case "freeze", None, None:
                for each in baselines.values():
                    each.freeze()
                return {}
            case "approve", str(), str():
                return self._approved(baselines.values(), check, key, who)
            case "relearn", str() | None, None:
                return self._relearned(baselines.values(), check)
        raise NotKnown(f"{do}: freeze takes nothing, approve a check and a key, relearn a check or nothing")

    def _approved(self, baselines: Iterable[Baseline], check: str, key: str, who: str) -> Mapping[str, Any]:
        now_ns = self.pipeline().steady_ns(self.clock())
        for each in baselines:
            fact = each.approve(check, key, by=who, now_ns=now_ns)
            if fact is not None:
                return {"value": fact.value}
        raise NotKnown(f"nothing waits under {check[:NAMED_MAX]} {key[:NAMED_MAX]}")

    def _relearned(self, baselines: Iterable[Baseline], check: str | None) -> Mapping[str, Any]:
        known = sorted({name for _, name in _checks(self.pipeline())})
        if check is not None and check not in known:
            raise NotKnown(f"check '{check[:NAMED_MAX]}' has learned nothing, only {', '.join(known) or 'none at all'}")
        forgotten = 0
        for each in baselines:
            forgotten += sum(check in (None, fact.check) for fact in each.facts())
            each.relearn(check)
        return {"forgotten": forgotten}


def listed(told: Mapping[str, Mapping[str, Any]], utc_ns: Callable[[int], int]) -> Sequence[Mapping[str, Any]]:
    """Return all facts of the baselines `told`, by check and key, what is normal before what waits."""
    every = [
        (state, Fact(*fact))
        for baseline in told.values()
        for key, state in (("facts", "normal"), ("waiting", "waits"))
        for fact in baseline.get(key, ())
    ]
    every.sort(key=lambda each: (each[1].check, each[0], each[1].key))
    return [
        {
            "check": fact.check,
            "key": fact.key,
            "value": fact.value,
            "state": state,
            "first": _time(utc_ns(fact.first_ns)),
            "last": _time(utc_ns(fact.last_ns)),
            "count": fact.count,
            "by": fact.by,
        }
        for state, fact in every
    ]


def _checks(pipeline: Pipeline) -> Sequence[tuple[Baseline, str]]:
    """Return the checks that have learned anything, or of which anything waits."""
    return [
        (each, check)
        for each in pipeline.baselines().values()
        for check in sorted({fact.check for facts in (each.facts(), each.waiting()) for fact in facts})
    ]


def _time(time_ns: int) -> str | None:
    return iso(min(max(time_ns, 0), LAST_NS))


def _shown(word: Any) -> str | None:
    return None if word is None else str(word)
