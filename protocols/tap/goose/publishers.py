"""Who publishes GOOSE, and what is odd about it: numbers that go back, jump or stand, names that change, silence.

A publisher is a source address and a control block (gocbRef). It counts its states (stNum) and the frames of each state
(sqNum, from 0), and says how long a frame may be believed (timeAllowedToLive). Somebody who speaks in its name does so
from another address (`new_source`), or mixes with it, so that the numbers go back and forth. What is said:

new          a publisher seen first                     st_back, st_jump    stNum less, or over one more
new_source   a control block of somebody who still      sq_back, sq_double, sqNum less, the same, or over one more,
             speaks, from another address               sq_jump             within a state or at its beginning
state        a new state, as it should be               data_without_st     other values in the same state
app_id, destination, dataset, go_id, conf_rev           t_without_st        another time of the state
             another one than before                    st_without_data     a new state with the values of the old one
simulation, test, nds_com                               t_reused            a new state with the time of the old one
             set or cleared; what is set, also when     expired             nothing for twice timeAllowedToLive
             it is first seen or speaks again

Real relays do some of these all the time, so the checks learn what each one does. A frame that differs from the one
before in t, stNum and sqNum only costs one look-up and three slices; in sqNum only, as nearly all do, less.
"""

from contextlib import suppress
from typing import Any, Final

from protocols.model import EventKind
from protocols.tap.ber import Malformed, tlv
from protocols.tap.dissector import Trace
from protocols.tap.goose.pdu import LAST, SQ, ST, Pdu, parse
from protocols.tap.goose.table import Publisher, Publishers, mac
from protocols.tap.mms.data import Value, text, values
from protocols.tap.sightings import NS, Sightings

CHANGED_MAX: Final = 4
"""Entries of a data set that are shown, of those that changed."""
PARTS_MAX: Final = 16
"""Parts of a structure that are compared to show what changed in it."""


class Goose:
    """All publishers at a tap. `trace` is called with `stNum/sqNum` of every frame that was read."""

    def __init__(self, notes: Sightings, trace: Trace | None = None) -> None:
        self.trace = trace
        self._notes = notes
        self._table = Publishers()
        self._last = self._table.last
        self._owners = self._table.owners
        self._looked_ns = 0

    @property
    def forgotten(self) -> int:
        """Publishers that made room for others."""
        return self._table.forgotten

    def frame(self, *, source: bytes, target: bytes, payload: memoryview, time_ns: int) -> None:
        """Look at one frame: its MAC addresses, and what follows the EtherType."""
        data = bytes(payload)
        if time_ns - self._looked_ns >= NS or time_ns < self._looked_ns:
            self.tick(time_ns)
        one = self._last.get(source + target + data[:2])
        if one is None:
            self._parse(source, target, data, time_ns)
        elif (
            one.before
            and data.startswith(one.before)
            and int.from_bytes(data[one.sq_at : one.sq_end], "big") == one.sq + 1
            and data.startswith(one.pdu.tail, one.sq_end)
            and self._owners.get(one.pdu.ref) is one
            and not one.expired
        ):
            one.sq += 1
            one.frames += 1
            one.time_ns = time_ns
            if self.trace is not None:
                self.trace("goose", f"{one.st}/{one.sq}", True)
        elif not self._same(one, data, time_ns):
            self._parse(source, target, data, time_ns)

    def tick(self, time_ns: int) -> None:
        """Notice who has fallen silent; frames do it by themselves, once a second."""
        self._looked_ns = time_ns
        for one in self._table:
            if not one.expired and one.pdu.live_ms and not one.speaks(time_ns):
                one.expired = True
                self._note(one, "expired", time_ns, b"", silent_s=round((time_ns - one.time_ns) / NS, 3))

    def _parse(self, source: bytes, target: bytes, data: bytes, time_ns: int) -> None:
        try:
            pdu = parse(data)
        except Malformed as error:
            self._malformed(str(error), source, target, data, time_ns)
            return
        if pdu is not None:
            self._read(pdu, source, target, data, time_ns)

    def _same(self, one: Publisher, data: bytes, time_ns: int) -> bool:
        """Take a frame with nothing new but t, stNum and sqNum; return whether it is one."""
        pdu = one.pdu
        at, size = len(pdu.head), len(data)
        t_end = at + 10
        if size < t_end + 6 or not data.startswith(pdu.head):
            return False
        st_end = t_end + 2 + data[t_end + 1]
        if size < st_end + 3:
            return False
        sq_end = st_end + 2 + data[st_end + 1]
        if (
            data[at : at + 2] != b"\x84\x08"
            or data[t_end] != ST
            or data[st_end] != SQ
            or not t_end + 2 < st_end <= t_end + 7
            or not st_end + 2 < sq_end <= st_end + 7
            or sq_end + len(pdu.tail) != pdu.size
            or not data.startswith(pdu.tail, sq_end)
        ):
            return False
        st = int.from_bytes(data[t_end + 2 : st_end], "big")
        sq = int.from_bytes(data[st_end + 2 : sq_end], "big")
        t = data[at + 2 : t_end]
        if self._owners.get(pdu.ref) is not one:
            self._owner(one, data, time_ns)
        if st != one.st or sq != one.sq + 1 or t != one.t:
            self._judge(one, pdu, t=t, st=st, sq=sq, raw=data, time_ns=time_ns)
        self._seen(one, t, st, sq, time_ns)
        one.before, one.sq_at, one.sq_end = data[: st_end + 2], st_end + 2, sq_end
        return True

    def _read(self, pdu: Pdu, source: bytes, target: bytes, data: bytes, time_ns: int) -> None:
        one = self._table.get(source, pdu.ref)
        if one is None:
            one = self._table.meet(pdu, source, target, time_ns)
            self._note(one, "new", time_ns, data, **_facts(pdu))
            self._flags(one, pdu, None, data, time_ns)
            self._owner(one, data, time_ns)
        else:
            self._owner(one, data, time_ns)
            self._differ(one, pdu, target, data, time_ns)
            self._judge(one, pdu, t=pdu.t, st=pdu.st, sq=pdu.sq, raw=data, time_ns=time_ns)
            one.pdu, one.before = pdu, b""
        if pdu.wrong:
            self._malformed(pdu.wrong, source, target, data, time_ns)
        else:
            self._table.place(one, source, target, data[:2])
        self._seen(one, pdu.t, pdu.st, pdu.sq, time_ns)

    def _seen(self, one: Publisher, t: bytes, st: int, sq: int, time_ns: int) -> None:
        if one.expired:
            self._back(one, time_ns)
        one.t, one.st, one.sq, one.time_ns = t, st, sq, time_ns
        one.frames += 1
        if self.trace is not None:
            self.trace("goose", f"{st}/{sq}", True)

    def _back(self, one: Publisher, time_ns: int) -> None:
        """Say again which flags are set, of one that was silent."""
        one.expired = False
        self._flags(one, one.pdu, None, b"", time_ns)

    def _judge(self, one: Publisher, pdu: Pdu, *, t: bytes, st: int, sq: int, raw: bytes, time_ns: int) -> None:
        """Compare the numbers with those of the frame before, `one`; `pdu` is of this frame."""
        step, odd = _steps(one, pdu, t=t, st=st, sq=sq)
        facts: dict[str, Any] = {
            "st": st,
            "sq": sq,
            "was": f"{one.st}/{one.sq}",
            "silent_s": round((time_ns - one.time_ns) / NS, 3),
        }
        if pdu.data != one.pdu.data:
            facts["changed"] = _changed(one.pdu.data, pdu.data)
        if step == "state":
            self._note(one, step, time_ns, raw, t=_seconds(t), **facts)
        elif step:
            odd.append(step)
        for function in odd:
            self._note(one, function, time_ns, raw, **facts)

    def _differ(self, one: Publisher, pdu: Pdu, target: bytes, raw: bytes, time_ns: int) -> None:
        """Say which of the names of a control block are others than before."""
        old = one.pdu
        for function, value, was in (
            ("app_id", pdu.app_id, old.app_id),
            ("conf_rev", pdu.conf_rev, old.conf_rev),
            ("dataset", pdu.dataset, old.dataset),
            ("go_id", pdu.go_id, old.go_id),
            ("destination", mac(target), one.target),
        ):
            if value != was:
                self._note(one, function, time_ns, raw, **{**_facts(pdu), "was": _shown(was), "value": _shown(value)})
        one.target = mac(target)
        self._flags(one, pdu, old, raw, time_ns)

    def _flags(self, one: Publisher, pdu: Pdu, old: Pdu | None, raw: bytes, time_ns: int) -> None:
        for function, value, was in (
            ("simulation", pdu.simulated, old is not None and old.simulated),
            ("test", pdu.test, old is not None and old.test),
            ("nds_com", pdu.nds_com, old is not None and old.nds_com),
        ):
            if value != was:
                self._note(one, function, time_ns, raw, value=value, st=pdu.st, sq=pdu.sq, first=old is None)

    def _owner(self, one: Publisher, raw: bytes, time_ns: int) -> None:
        """Notice that two speak for one control block: whoever was first, and still speaks, owns it."""
        owner = self._owners.setdefault(one.pdu.ref, one)
        if owner is one:
            return
        alive = owner.speaks(time_ns)
        if not alive:
            self._owners[one.pdu.ref] = one
        self._note(one, "new_source", time_ns, raw, was=owner.source, alive=alive, st=one.pdu.st, sq=one.pdu.sq)

    def _note(self, one: Publisher, function: str, time_ns: int, raw: bytes, **facts: Any) -> None:
        self._notes.note(
            EventKind.PUBLISHER,
            time_ns,
            f"{one.name}: {function}",
            source=one.source,
            target=one.target,
            protocol="goose",
            function=function,
            about=one.pdu.ref,
            raw=raw,
            ref=one.name,
            **facts,
        )

    def _malformed(self, why: str, source: bytes, target: bytes, raw: bytes, time_ns: int) -> None:
        self._notes.note(
            EventKind.MALFORMED,
            time_ns,
            f"GOOSE: {why}",
            source=mac(source),
            target=mac(target),
            protocol="goose",
            about=why,
            raw=raw,
            why=why,
            fatal=False,
        )


def _steps(one: Publisher, pdu: Pdu, *, t: bytes, st: int, sq: int) -> tuple[str, list[str]]:
    """Return how the numbers went on from those of `one`, empty when as they should, and what does not go with that."""
    same_data, same_t = pdu.data == one.pdu.data, t == one.t
    if st == one.st:
        odd = [name for name, same in (("data_without_st", same_data), ("t_without_st", same_t)) if not same]
        if sq == one.sq + 1 or (one.sq == LAST and sq <= 1):
            return "", odd
        return ("sq_double" if sq == one.sq else "sq_back" if sq < one.sq else "sq_jump"), odd
    odd = [name for name, same in (("st_without_data", same_data), ("t_reused", same_t)) if same]
    if st == one.st + 1 or (one.st == LAST and st == 1):
        if sq > 1:
            odd.append("sq_jump")
        return "state", odd
    return ("st_back" if st < one.st else "st_jump"), odd


def _facts(pdu: Pdu) -> dict[str, Any]:
    return {
        "app_id": pdu.app_id,
        "dataset": text(pdu.dataset),
        "go_id": text(pdu.go_id),
        "conf_rev": pdu.conf_rev,
        "live_ms": pdu.live_ms,
        "st": pdu.st,
        "sq": pdu.sq,
        "simulation": pdu.simulated,
        "test": pdu.test,
        "nds_com": pdu.nds_com,
    }


def _changed(old: bytes, new: bytes) -> tuple[tuple[int, Value, Value], ...]:
    """Return number, old and new value of the first entries that changed; of a structure, its first part that did."""
    found: list[tuple[int, Value, Value]] = []
    at = index = 0
    with suppress(Malformed):
        while at < len(old) and len(found) < CHANGED_MAX and len(old) == len(new):
            _, _, stop = tlv(old, at, len(old))
            if old[at:stop] != new[at:stop]:
                parts = zip(values(old, at, stop, PARTS_MAX), values(new, at, stop, PARTS_MAX), strict=False)
                found.append(next(((index, was, now) for was, now in parts if was != now), (index, "?", "?")))
            at, index = stop, index + 1
    return tuple(found)


def _seconds(t: bytes) -> float:
    """Return a UTC time of MMS (IEC 61850-8-1 clause 8.1.3.7) in seconds since 1970."""
    return round(int.from_bytes(t[:4], "big") + int.from_bytes(t[4:7], "big") / (1 << 24), 6)


def _shown(value: int | bytes | str) -> str:
    return text(value) if isinstance(value, bytes) else str(value)
