"""Chatter: an alarm that comes again and again says so once, then now and then, and once more when it is calm.

ISA-18.2 clause 16 counts three alarms in a minute as chattering; what comes and goes more slowly, ten times in an hour,
is held in the same way (fleeting alarms). It is calm when nothing of it has changed for twice the time that lies
between such alarms: 40 s, or 12 minutes.
"""

from collections import OrderedDict, deque
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.core.rules import AlarmRules

NS = 1_000_000_000
TRACKED_MAX = 4096
"""Calm alarms whose last comings are remembered, 4 MB; of more, the one that is silent for longest is forgotten."""


@dataclass(slots=True)
class Track:
    """When one alarm came last; its `changes`, comings and goings, since `since_ns`, and in `total` since `began_ns`.

    `totals` is what `total` was with each coming. `calm_ns` and `update_ns` are how long it takes to be calm and to be
    told anew, 0 while it does not chatter. `rank` is the worst severity that was told of it.
    """

    came_ns: deque[int]
    totals: deque[int]
    last_ns: int
    since_ns: int = 0
    changes: int = 0
    began_ns: int = 0
    total: int = 0
    calm_ns: int = 0
    update_ns: int = 0
    rank: int = 0


class Chatter:
    """Remembers when each alarm came and went: the calm ones, the one that changed last at the end, and the others.

    Those that chatter are bounded by the configuration, as alarms are.
    """

    def __init__(self, rules: AlarmRules) -> None:
        self._paces = (
            (rules.chatter_count, int(rules.chatter_s * NS)),
            (rules.fleeting_count, int(rules.fleeting_s * NS)),
        )
        self._update_ns = int(rules.update_s * NS)
        self._kept = max(count for count, _ in self._paces)
        self._horizon_ns = max(within_ns for _, within_ns in self._paces)
        self._calm: OrderedDict[str, Track] = OrderedDict()
        self._chattering: dict[str, Track] = {}

    def __len__(self) -> int:
        return len(self._chattering)

    def came(self, id_: str, rank: int, now_ns: int) -> bool:
        """Note that an alarm came, or changed while active; return whether it begins to chatter with this."""
        track = self._changed(id_, now_ns)
        track.came_ns.append(now_ns)
        track.totals.append(track.total)
        return id_ not in self._chattering and any(
            self._begins(id_, track, rank, count=count, within_ns=within_ns) for count, within_ns in self._paces
        )

    def went(self, id_: str, now_ns: int) -> None:
        """Note that an alarm returned."""
        self._changed(id_, now_ns)

    def worse(self, id_: str, rank: int) -> bool:
        """Whether a chattering alarm is worse than it ever was since it began to chatter: that is told at once."""
        track = self._chattering[id_]
        better, track.rank = track.rank, max(track.rank, rank)
        return rank > better

    def words(self, id_: str, now_ns: int) -> str:
        """Return what is to be told of a chattering alarm now; its changes are counted anew from here."""
        track = self._chattering[id_]
        text = f"chattering: {track.changes} changes in {(now_ns - track.since_ns) / NS:.0f} s"
        track.changes, track.since_ns = 0, now_ns
        return text

    def due(self, now_ns: int) -> Sequence[str]:
        """Return the chattering alarms that changed, and were not told of for long enough."""
        tracks = self._chattering.items()
        return [id_ for id_, track in tracks if track.changes and now_ns - track.since_ns >= track.update_ns]

    def calmed(self, now_ns: int) -> Iterator[tuple[str, str]]:
        """Yield the alarms that chatter no more, and the words for it."""
        for id_ in [id_ for id_, track in self._chattering.items() if now_ns - track.last_ns >= track.calm_ns]:
            track = self._chattering.pop(id_)
            yield id_, f"calm again: {track.total} changes in {(track.last_ns - track.began_ns) / NS:.0f} s"

    def adopt(self, id_: str, rank: int, now_ns: int) -> None:
        """Take up an alarm that was chattering before a kill, unless it is known."""
        if id_ not in self._chattering:
            count, within_ns = self._paces[0]
            self._hold(id_, self._changed(id_, now_ns), rank, calm_ns=2 * within_ns // count, update_ns=within_ns)

    def only(self, ids: Container[str]) -> None:
        """Let only these be chattering: a kill may have come between what is known here and of the alarms."""
        self._chattering = {id_: track for id_, track in self._chattering.items() if id_ in ids}

    def forget(self, id_: str) -> None:
        """Forget an alarm that nobody watches any more."""
        self._calm.pop(id_, None)
        self._chattering.pop(id_, None)

    def step(self, by_ns: int) -> None:
        """The clock was set."""
        for track in (*self._calm.values(), *self._chattering.values()):
            track.came_ns = deque((at_ns + by_ns for at_ns in track.came_ns), self._kept)
            track.last_ns += by_ns
            track.since_ns += by_ns
            track.began_ns += by_ns

    def state(self) -> list[Any]:
        """Return everything as plain lists."""
        names = Track.__slots__[2:]
        return [
            [id_, list(track.came_ns), list(track.totals), *(getattr(track, name) for name in names)]
            for id_, track in (*self._calm.items(), *self._chattering.items())
        ]

    def restore(self, told: Sequence[Any]) -> None:
        """Take up what `state` told."""
        for id_, came_ns, totals, *numbers in told:
            track = Track(deque(came_ns, self._kept), deque(totals, self._kept), *map(int, numbers))
            (self._chattering if track.calm_ns else self._calm)[id_] = track

    def _changed(self, id_: str, now_ns: int) -> Track:
        track = self._chattering.get(id_)
        if track is None:
            track = self._calm.get(id_) or Track(deque(maxlen=self._kept), deque(maxlen=self._kept), now_ns)
            self._calm[id_] = track
            self._calm.move_to_end(id_)
        track.last_ns = now_ns
        track.changes += 1
        track.total += 1
        self._prune(now_ns)
        return track

    def _begins(self, id_: str, track: Track, rank: int, *, count: int, within_ns: int) -> bool:
        if len(track.came_ns) < count or track.came_ns[-1] - track.came_ns[-count] > within_ns:
            return False
        track.began_ns = track.since_ns = track.came_ns[-count]
        track.changes = track.total = track.total - track.totals[-count] + 1
        self._hold(id_, track, rank, calm_ns=2 * within_ns // count, update_ns=within_ns)
        return True

    def _hold(self, id_: str, track: Track, rank: int, *, calm_ns: int, update_ns: int) -> None:
        track.calm_ns, track.update_ns, track.rank = calm_ns, max(self._update_ns, update_ns), rank
        self._calm.pop(id_, None)
        self._chattering[id_] = track

    def _prune(self, now_ns: int) -> None:
        """Forget what was silent for so long that it counts no more, and what is too much."""
        for id_, track in self._calm.items():
            if len(self._calm) <= TRACKED_MAX and now_ns - track.last_ns <= self._horizon_ns:
                return
            del self._calm[id_]
            return
