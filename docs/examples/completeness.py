"""The book of one gateway: every sequence number accounted for, so that a hole cannot hide.

A number has come, or a gap message explains it, or it is missing. What comes twice is a duplicate when it says the
same, and a contradiction when it does not. A merged window stands for all the numbers that it covers, and replaces what
came of them before. Only the end is final: while the gateway still holds messages (`waiting` in its status), numbers
that have not come are outstanding.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from runs import Run, Runs, covered, expanded

STREAMS = ("telemetry", "change", "alarm", "report")
RUNS_MAX = 1_000_000
"""Runs kept of a stream; beyond it the oldest hole is given up: counted as missing for good."""
REMEMBERED = 100_000
"""Newest messages of a stream that are remembered, as 16 bytes each, to compare those that come twice."""
GAPS_MAX = 10_000
"""Gap messages kept of a stream that tell only bounds and a count; beyond it the two oldest become one."""


class Verdict(StrEnum):
    """What one message was."""

    NEW = "new"
    DUPLICATE = "duplicate"
    MERGED = "merged"
    """It covers numbers that came before on their own, and replaces those messages."""
    CONTRADICTORY = "contradictory"


class Book:
    """One stream. `counts` says how often each verdict was given; `unverified` duplicates came too late to compare."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(Verdict, 0)
        self.unverified = 0
        self.given_up = 0
        self.last = 0
        self.settled = 0
        self._came = Runs()
        self._known: OrderedDict[tuple[Run, ...], bytes] = OrderedDict()
        self._lost = Runs()
        self._vague: dict[Run, int] = {}

    def enter(self, message: Mapping[str, Any]) -> Verdict:
        """Enter a message of the stream."""
        verdict = self._judge(message)
        self.counts[verdict] += 1
        return verdict

    def explain(self, gap: Mapping[str, Any]) -> None:
        """Enter a gap message: exact numbers, all between its bounds, or only how many of these."""
        first, last, lost = gap["from_seq"], gap["to_seq"], gap["lost"]
        exact = expanded(gap["numbers"]) if "numbers" in gap else ((first, last),)
        if "numbers" in gap or lost == last - first + 1:
            self._lost.add_all(exact)
        elif not any(run[0] <= first and last <= run[1] and run != (first, last) for run in self._vague):
            self._vague = {run: n for run, n in self._vague.items() if not (first <= run[0] and run[1] <= last)}
            self._vague[first, last] = lost
        if len(self._vague) > GAPS_MAX:
            one, other = sorted(self._vague)[:2]
            self._vague[one[0], max(one[1], other[1])] = self._vague.pop(one) + self._vague.pop(other)

    def told(self, last: int, waiting: int) -> None:
        """Enter what a status says: the highest number given out, and whether the gateway still holds any."""
        self.last = max(self.last, last)
        if not waiting:
            self.settled = max(self.settled, last)

    def begin(self, last: int) -> None:
        """Count from behind `last`: what was before is not asked for."""
        if last > 0:
            self._came.add(1, last)

    def missing(self) -> list[Run]:
        """Return what should have come: up to the last status with which the gateway held nothing back."""
        return list(self._accounted().holes(self.settled))

    def outstanding(self) -> list[Run]:
        """Return what may yet come: given out, and not settled."""
        upto = max(self.last, self._came.last)
        return [
            (max(first, self.settled + 1), last) for first, last in self._accounted().holes(upto) if last > self.settled
        ]

    def holes(self) -> list[Run]:
        """Return what neither came nor is explained below the highest number that came."""
        return list(self._accounted().holes(self._came.last))

    def explained(self) -> int:
        """Return how many numbers never came and are explained by gap messages."""
        return self._accounted().total - self._came.total

    def hidden(self) -> int:
        """Return how many numbers hide behind gap messages that admit to fewer losses than there are."""
        exact = Runs([*self._came, *self._lost])
        return max(0, self._accounted().total - exact.total - sum(self._vague.values()))

    @property
    def complete(self) -> bool:
        """Whether nothing is missing and nothing contradicts."""
        lost = self.given_up or self.hidden() or self.missing()
        return not lost and not self.counts[Verdict.CONTRADICTORY]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes up again; messages that were compared are not kept."""
        vague = [[*run, lost] for run, lost in self._vague.items()]
        numbers = {key: getattr(self, key) for key in ("unverified", "given_up", "last", "settled")}
        return {"counts": self.counts, "came": list(self._came), "lost": list(self._lost), "vague": vague, **numbers}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Book":
        """Return the book that was kept."""
        book = cls()
        book.counts |= {Verdict(word): count for word, count in kept["counts"].items()}
        book._came = Runs(kept["came"])
        book._lost = Runs(kept["lost"])
        book._vague = {(first, last): lost for first, last, lost in kept["vague"]}
        for key in ("unverified", "given_up", "last", "settled"):
            setattr(book, key, kept[key])
        return book

    def _judge(self, message: Mapping[str, Any]) -> Verdict:
        numbers, digest = covered(message), _digest(message)
        if numbers is None:
            return Verdict.CONTRADICTORY
        came = any(self._came.count(first, last) for first, last in numbers)
        before = self._known.get(numbers)
        self._take(numbers, digest)
        if before is not None:
            return Verdict.DUPLICATE if before == digest else Verdict.CONTRADICTORY
        if not came:
            return Verdict.NEW
        if numbers[0][0] < numbers[-1][1]:
            return Verdict.MERGED
        self.unverified += 1
        return Verdict.DUPLICATE

    def _take(self, numbers: tuple[Run, ...], digest: bytes) -> None:
        if len(numbers) == 1:
            self._came.add(*numbers[0])
        else:
            self._came.add_all(numbers)
        while len(self._came) > RUNS_MAX:
            self.given_up += self._came.give_up()
        self._known.setdefault(numbers, digest)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _accounted(self) -> Runs:
        return Runs([*self._came, *self._lost, *self._vague])


class Ledger:
    """The books of one gateway's streams; `from_now`, until a status, leaves out what was before it."""

    def __init__(self, *, from_now: bool = False) -> None:
        self.books = {stream: Book() for stream in STREAMS}
        self.from_now = from_now

    def enter(self, topic: str, message: Mapping[str, Any]) -> Verdict | None:
        """Enter a message of `topic` (`telemetry`, `gap`, `status` …); return the verdict on one that has a number."""
        verdict = None
        if topic in self.books:
            verdict = self.books[topic].enter(message)
        elif topic == "gap":
            self.books[message["stream"]].explain(message)
        elif topic == "status" and message.get("store", {}).get("last_seq"):
            self._settle(message["store"]["last_seq"], message["store"]["waiting"])
        return verdict

    def _settle(self, last: Mapping[str, int], waiting: Mapping[str, int]) -> None:
        """Enter what a status says; that of a gateway which cannot read its disk yet names no numbers."""
        for stream, book in self.books.items():
            if self.from_now:
                book.begin(last.get(stream, 0))
            book.told(last.get(stream, 0), waiting.get(stream, 0))
        self.from_now = False

    @property
    def complete(self) -> bool:
        """Whether nothing is missing and nothing contradicts in any stream."""
        return all(book.complete for book in self.books.values())

    @property
    def settled(self) -> bool:
        """Whether nothing is outstanding: the word is final."""
        return not any(book.outstanding() for book in self.books.values())

    def report(self) -> dict[str, dict[str, Any]]:
        """Return each stream in numbers and runs."""
        return {
            stream: {
                **{word.value: count for word, count in book.counts.items()},
                "explained": book.explained(),
                "missing": book.missing(),
                "outstanding": book.outstanding(),
                "hidden": book.hidden(),
                "given_up": book.given_up,
                "unverified": book.unverified,
            }
            for stream, book in self.books.items()
        }


def _digest(message: Mapping[str, Any]) -> bytes:
    """Return what a repetition is compared by; it may have become historical in between."""
    text = json.dumps({**message, "historical": None}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
