"""The metrics of the edge node itself: who it is, how it is, its alarms, and what it had to give up.

bdSeq · Node Control/Rebirth              what Sparkplug asks for; the latter never has an alias
Node Control/Command · Reply              the commands of docs/mqtt.md, as text
Properties/… · Health/… · Store/…         version, configuration; state in a word and a number; what waits
Alarm/…                                   the last change of state of any alarm; each change is an NDATA
Report/Message                            the last report of any check: docs/mqtt.md, as text
Alarms/Count · Alarms/Open                the alarms that are not normal now, as a table
Ledger/alarm · report · Gap               the numbers of alarm and report message; the last hole that the gateway made
Ledger/Lost Device                        the number of the last message that a device's death had said already
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.model import Report
from gateway.core.messages import Alarm
from gateway.store.numbers import to_words
from gateway.store.record import Gap, Row
from gateway.uplink import payload as plain
from gateway.uplink.format import Sources
from gateway.uplink.sparkplug.control import COMMAND, REBIRTH, REPLY
from gateway.uplink.sparkplug.metric import born, in_order, put
from gateway.uplink.sparkplug.wire import DataType, Payload

OPEN_MAX = 100
"""Alarms in the table, the worst first; all of them are told as they change."""
NS_PER_MS = 1_000_000
BDSEQ = "bdSeq"
METRICS: Mapping[str, DataType] = {
    BDSEQ: DataType.INT64,
    REBIRTH: DataType.BOOLEAN,
    COMMAND: DataType.STRING,
    REPLY: DataType.STRING,
    "Properties/Version": DataType.STRING,
    "Properties/Since": DataType.STRING,
    "Properties/Config Hash": DataType.STRING,
    "Health/State": DataType.STRING,
    "Health/Score": DataType.INT32,
    "Health/Why": DataType.STRING,
    "Store/Waiting": DataType.INT64,
    "Store/Dropped": DataType.INT64,
    "Store/Fault": DataType.STRING,
    "Alarms/Count": DataType.INT32,
    "Alarms/Open": DataType.DATA_SET,
    "Alarm/Id": DataType.STRING,
    "Alarm/State": DataType.STRING,
    "Alarm/Severity": DataType.STRING,
    "Alarm/Text": DataType.STRING,
    "Alarm/Value": DataType.DOUBLE,
    "Alarm/Message": DataType.STRING,
    "Report/Message": DataType.STRING,
    "Ledger/alarm": DataType.INT64,
    "Ledger/report": DataType.INT64,
    "Ledger/Gap": DataType.STRING,
    "Ledger/Lost Device": DataType.STRING,
}
OPEN: Mapping[str, DataType] = {
    "Id": DataType.STRING,
    "State": DataType.STRING,
    "Severity": DataType.STRING,
    "Text": DataType.STRING,
    "Since": DataType.DATE_TIME,
}
"""Columns of the table of alarms."""


@dataclass(slots=True)
class Told:
    """What was told last of each metric, and as of when; one node hands it to the next."""

    values: dict[str, Any] = field(default_factory=lambda: {**dict.fromkeys(METRICS), REBIRTH: False})
    times_ms: dict[str, int] = field(default_factory=dict)


def death(bdseq: int, now_ms: int) -> bytes:
    """Return the payload of an NDEATH: the one metric that says which birth it ends."""
    payload = Payload(timestamp=now_ms)
    born(payload, BDSEQ, None, DataType.INT64, bdseq, now_ms)
    return payload.SerializeToString()  # type: ignore[no-any-return]


class Node:
    """The node within one session: what was told of each of its metrics, so that only what changed is told again."""

    def __init__(self, aliases: Iterator[int], sources: Sources, told: Told) -> None:
        self.told = told
        self._sources = sources
        self._alias = {name: next(aliases) for name in METRICS if name != REBIRTH}
        self.names = {alias: name for name, alias in self._alias.items()}

    def birth(self, bdseq: int, config_hash: str | None, now_ms: int) -> bytes:
        """Return the payload of an NBIRTH: every metric there will ever be, with its value."""
        present = {BDSEQ: bdseq, "Properties/Config Hash": config_hash, **self._present()}
        self.told.values |= present
        self.told.times_ms |= dict.fromkeys(present, now_ms)
        payload = Payload(timestamp=now_ms)
        for name, datatype in METRICS.items():
            time_ms = self.told.times_ms.setdefault(name, now_ms)
            born(payload, name, self._alias.get(name), datatype, self.told.values[name], time_ms)
        return in_order(payload)

    def status(self, now_ms: int) -> bytes | None:
        """Return the payload of what changed since it was told, if anything."""
        changed = {name: value for name, value in self._present().items() if value != self.told.values[name]}
        return self._data(changed, now_ms, now_ms) if changed else None

    def reply(self, answer: Mapping[str, Any], now_ms: int) -> bytes:
        """Return the payload of an answer to a command."""
        return self._data({REPLY: _text({"v": plain.VERSION, **answer})}, now_ms, now_ms)

    def gap(self, hole: Gap, now_ms: int) -> bytes:
        """Return the payload of the record of a hole."""
        return self._data({"Ledger/Gap": _text(plain.gap_fields(hole))}, now_ms, now_ms)

    def spared(self, row: Row, now_ms: int) -> bytes:
        """Return the payload of the numbers of a row that need not be told: the ledger has no hole."""
        stream, device = row.record.stream, row.record.device
        told = {"stream": stream, "device": device, "seq": row.seq, "numbers": to_words(row.numbers)}
        return self._data({"Ledger/Lost Device": _text(told)}, now_ms, now_ms)

    def alarm(self, row: Row, alarm: Alarm, *, historical: bool, now_ms: int) -> bytes:
        """Return the payload of a change of state: all of it at once, as of when it happened."""
        values = {
            "Alarm/Id": alarm.id,
            "Alarm/State": alarm.state.value,
            "Alarm/Severity": alarm.severity.value,
            "Alarm/Text": alarm.text,
            "Alarm/Value": alarm.value,
            "Alarm/Message": plain.alarm(alarm, seq=row.seq, historical=historical).decode(),
            "Ledger/alarm": row.seq,
        }
        return self._data(values, alarm.last_ns // NS_PER_MS, now_ms, historical=historical)

    def report(self, row: Row, report: Report, *, historical: bool, now_ms: int) -> bytes:
        """Return the payload of what a check reports."""
        values = {
            "Report/Message": plain.report(report, seq=row.seq, historical=historical).decode(),
            "Ledger/report": row.seq,
        }
        return self._data(values, report.time_ns // NS_PER_MS, now_ms, historical=historical)

    def _data(self, values: Mapping[str, Any], time_ms: int, now_ms: int, *, historical: bool = False) -> bytes:
        payload = Payload(timestamp=now_ms)
        told_ms = max(self.told.times_ms[name] for name in values)
        late = historical or time_ms < told_ms <= now_ms  # a clock that went back forgets what was told
        for name, value in values.items():
            metric = payload.metrics.add(alias=self._alias[name], timestamp=time_ms)
            put(metric, METRICS[name], value)
            if late:
                metric.is_historical = True
        if not late:
            self.told.values |= values
            self.told.times_ms |= dict.fromkeys(values, time_ms)
        return payload.SerializeToString()  # type: ignore[no-any-return]

    def _present(self) -> dict[str, Any]:
        """Return what the gateway says of itself now."""
        status, alarms = self._sources.status(), list(self._sources.alarms())
        store = status.get("store", {})
        return {
            "Properties/Version": status.get("version"),
            "Properties/Since": status.get("since"),
            "Health/State": status.get("state"),
            "Health/Score": status.get("health"),
            "Health/Why": "; ".join(status.get("why", ())),
            "Store/Waiting": sum(store.get("waiting", {}).values()),
            "Store/Dropped": sum(store.get("dropped", {}).values()),
            "Store/Fault": store.get("fault"),
            "Alarms/Count": len(alarms),
            "Alarms/Open": _table(alarms),
        }


def _table(alarms: Iterable[Alarm]) -> Any:
    """Return the open alarms, the worst first and of these the newest."""
    worst = sorted(alarms, key=lambda alarm: (alarm.severity.rank, alarm.last_ns), reverse=True)[:OPEN_MAX]
    table = type(Payload().metrics.add().dataset_value)(num_of_columns=len(OPEN), columns=OPEN, types=OPEN.values())
    for alarm in worst:
        row = table.rows.add()
        for text in (alarm.id, alarm.state.value, alarm.severity.value, alarm.text):
            row.elements.add(string_value=text)
        row.elements.add(long_value=alarm.first_ns // NS_PER_MS)
    return table


def _text(value: Mapping[str, Any]) -> str:
    return plain.to_json(value).decode()
