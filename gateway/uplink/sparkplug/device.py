"""The metrics of one device within one session: what its birth names, its data carries by number only.

    va                       the last value; with its quality, and in the birth its unit and role
    Window/va/mean · …       mean, min, max and count of each window, unless `uplink.sparkplug_metrics` is `last`
    Ledger/telemetry         the number of the stored message, so that a host can prove that it has them all;
    Ledger/change            of a window merged from several the property Numbers has those of all

A value is sent when it differs from what was told last (report by exception, Sparkplug 3.0 clause 6.4.8); a historical
one always. What is older than what was told last is historical too: so live values stay in order, whichever stream they
came by.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.core.messages import Change, Summary
from gateway.store.numbers import to_words
from gateway.store.record import Row, Stream
from gateway.uplink.format import Readings
from gateway.uplink.sparkplug.metric import born, codes, describe, in_order, judge, put
from gateway.uplink.sparkplug.told import Seen, Told, other
from gateway.uplink.sparkplug.wire import DataType, Payload
from protocols.model import Quality

WINDOW = {"mean": DataType.DOUBLE, "min": DataType.DOUBLE, "max": DataType.DOUBLE, "count": DataType.INT64}
LEDGER = (Stream.TELEMETRY, Stream.CHANGE)
UNKNOWN: Mapping[str, Any] = {"unit": "", "type": "float64", "role": {}}
"""A point that is stored, and in no configuration any more."""
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Slot:
    """The metrics of one point: its own and those of its windows, by their aliases."""

    name: str
    datatype: DataType
    properties: Mapping[str, str]
    alias: int
    windows: tuple[int, ...]


class Device:
    """One device. `born` while the host takes it for online; points can only be added, until the next birth of all."""

    def __init__(self, aliases: Iterator[int], *, windows: bool) -> None:
        self.born = False
        self.told = Told(len(WINDOW))
        self._aliases = aliases
        self._with_windows = windows
        self._ledger = {stream: next(aliases) for stream in LEDGER}
        self._slots: list[Slot] = []

    def grow(self, points: Mapping[str, Mapping[str, Any]]) -> bool:
        """Take up points that are not known yet; return whether there were any, which need a birth."""
        new = [self._slot(name, point) for name, point in points.items() if name not in self.told.index]
        self._slots += new
        self.told.grow([slot.name for slot in new])
        return bool(new)

    def birth(self, readings: Readings | None, now_ms: int) -> bytes:
        """Return the payload of a birth: every metric with its present value, as far as `readings` tell them."""
        if readings is not None:
            self._read(readings, now_ms)
        self.born = True
        told = self.told
        payload = Payload(timestamp=now_ms)
        for stream, alias in self._ledger.items():
            seq, time_ms = told.numbers.setdefault(stream, (None, now_ms))
            born(payload, f"Ledger/{stream}", alias, DataType.INT64, seq, time_ms)
        columns = (told.values.tolist(), told.quality.tolist(), codes(told.quality), told.times_ms.tolist())
        for slot, value, flags, code, told_ms in zip(self._slots, *columns, strict=True):
            metric = born(payload, slot.name, slot.alias, slot.datatype, value, told_ms or now_ms)
            describe(metric, slot.properties)
            if flags:
                judge(metric, code, flags)
        for slot, window, told_ms in zip(self._slots, told.windows.tolist(), columns[-1], strict=True):
            for alias, (name, datatype), value in zip(slot.windows, WINDOW.items(), window, strict=False):
                born(payload, f"Window/{slot.name}/{name}", alias, datatype, value, told_ms or now_ms)
        return in_order(payload)

    def death(self, now_ms: int) -> bytes:
        """Return the payload of a death: nothing but when."""
        self.born = False
        return Payload(timestamp=now_ms).SerializeToString()  # type: ignore[no-any-return]

    def data(self, message: Summary | Change, row: Row, *, historical: bool, now_ms: int) -> bytes:
        """Return the payload of what a row says that is not told yet, and of its number."""
        if isinstance(message, Summary):
            return self._summary(message, row, historical=historical, now_ms=now_ms)
        return self._change(message, row, historical=historical, now_ms=now_ms)

    def _summary(self, message: Summary, row: Row, *, historical: bool, now_ms: int) -> bytes:
        """Values of a window count as of its last millisecond."""
        time_ms = (message.start_ns + message.length_ns) // NS_PER_MS - 1
        times_ms = np.full(len(message.points), time_ms)
        live_ms = None if historical else now_ms
        seen = self.told.seen(message.points, message.last, message.quality, times_ms, live_ms=live_ms)
        payload = Payload(timestamp=now_ms)
        self._number(payload, message, row, time_ms, live_ms)
        self._write(payload, seen, seen.late | self.told.differs(seen))
        columns = np.column_stack([getattr(message, name).astype(np.float64) for name in WINDOW])
        if self._with_windows:
            self._write_windows(payload, seen, columns, time_ms)
        self.told.tell(seen, now_ms)
        self.told.windows[seen.at[~seen.late]] = columns[~seen.late]
        return payload.SerializeToString()  # type: ignore[no-any-return]

    def _change(self, message: Change, row: Row, *, historical: bool, now_ms: int) -> bytes:
        """Each has its own time; a loss counts as of when it was known."""
        lost = (message.quality & np.uint16(Quality.COMM_LOST)) != 0
        times_ms = np.where(lost | (message.times_ns == 0), message.time_ns, message.times_ns) // NS_PER_MS
        live_ms = None if historical else now_ms
        seen = self.told.seen(message.points, message.values, message.quality, times_ms, live_ms=live_ms)
        payload = Payload(timestamp=now_ms)
        self._number(payload, message, row, message.time_ns // NS_PER_MS, live_ms)
        again = ~self.told.differs(seen) & (seen.times_ms == self.told.times_ms[seen.at])
        self._write(payload, seen, seen.late | ~again)
        self.told.tell(seen, now_ms)
        return in_order(payload)

    def _slot(self, name: str, point: Mapping[str, Any]) -> Slot:
        boolean = point["type"] == "bool"
        unit = {"engUnit": point["unit"]} if point["unit"] else {}
        alias = next(self._aliases)
        windows = tuple(next(self._aliases) for _ in (WINDOW if self._with_windows and not boolean else ()))
        return Slot(name, DataType.BOOLEAN if boolean else DataType.DOUBLE, {**unit, **point["role"]}, alias, windows)

    def _read(self, readings: Readings, now_ms: int) -> None:
        names, values, quality, times_ns = readings
        known = [n for n, name in enumerate(names) if name in self.told.index]
        at = np.array([self.told.index[names[n]] for n in known], np.int64)
        late = np.zeros(len(known), np.bool_)
        self.told.tell(Seen(at, values[known], quality[known], times_ns[known] // NS_PER_MS, late), now_ms)

    def _number(self, payload: Any, message: Summary | Change, row: Row, time_ms: int, live_ms: int | None) -> None:
        stream = row.record.stream
        metric = payload.metrics.add(alias=self._ledger[stream], timestamp=time_ms, long_value=row.seq)
        merged = {"Numbers": json.dumps(to_words(row.merged), separators=(",", ":"))} if row.merged else {}
        describe(metric, merged if message.synchronised else {**merged, "Clock": "free"})
        told_ms = self.told.numbers[stream][1]
        if live_ms is None or time_ms < told_ms <= live_ms:
            metric.is_historical = True
        else:
            self.told.numbers[stream] = row.seq, time_ms

    def _write(self, payload: Any, seen: Seen, which: NDArray[np.bool_]) -> None:
        """Add the values of `which`, with their quality where it is not good or was not before."""
        before, code = self.told.quality[seen.at], np.array(codes(seen.quality), np.int64)
        columns = (seen.at, seen.values, seen.quality, seen.times_ms, seen.late, before, code)
        for at, value, flags, time_ms, late, was, coded in zip(*(c[which].tolist() for c in columns), strict=True):
            slot = self._slots[at]
            metric = payload.metrics.add(alias=slot.alias, timestamp=time_ms)
            put(metric, slot.datatype, value)
            if late:
                metric.is_historical = True
            if flags or was:
                judge(metric, coded, flags)

    def _write_windows(self, payload: Any, seen: Seen, columns: NDArray[np.float64], time_ms: int) -> None:
        which = seen.late[:, None] | other(columns, self.told.windows[seen.at])
        rows = (seen.at.tolist(), seen.late.tolist(), columns.tolist(), which.tolist())
        for at, late, values, wanted in zip(*rows, strict=True):
            metrics = zip(self._slots[at].windows, WINDOW.values(), values, wanted, strict=False)
            for alias, datatype, value, told in metrics:
                if told:
                    metric = payload.metrics.add(alias=alias, timestamp=time_ms)
                    put(metric, datatype, value)
                    if late:
                        metric.is_historical = True
