"""What a person sees of a gateway: plain text from the answers of the status socket, coloured where it helps."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from gateway import number
from gateway.local.content import content, plain
from gateway.local.cyber_page import cyber_lines

Answer: TypeAlias = Mapping[str, Any]
Cell: TypeAlias = tuple[str, str]
"""A text and its colour."""

COLOURS = {
    "": "",
    "good": "32",
    "dim": "2",
    "bold": "1",
    "info": "36",
    "warning": "33",
    "critical": "31",
    "emergency": "1;31",
}
STATE_COLOUR = {"operational": "good", "warning": "warning", "degraded": "critical", "critical": "emergency"}
MIB = 1024 * 1024
ALARMS = 12
"""Alarms on the page; --json has more."""
INCIDENTS = 5
"""Incidents on the page, the most urgent."""
LEARNING = ("learning", "ready", "frozen")
DEVICES = 4
"""Devices named of a line; the others are counted."""
HOLES = 5
"""Holes on the page, the newest."""
BAR = 20
"""Width of the bar of the store."""
ERRORS_SHOWN = 0.01
"""From one unanswered scan in a hundred on, the rate is coloured."""
FULL, BUSY = 0.95, 0.8
"""Shares of its time from which on a line is coloured: full, where scans are skipped, and nearly so."""


class Page:
    """Draws; `colour` is whether the reader has colours."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def status(self, told: Answer) -> str:
        """Return the whole picture."""
        parts = [self._head(told), *self._sections(told)]
        return "\n\n".join(part for part in parts if part)

    def points(self, told: Answer) -> str:
        """Return the points of a device."""
        rows = [
            (
                (name, ""),
                (_number(point["value"]), ""),
                (point["unit"], "dim"),
                (", ".join(point["quality"]) or "good", "warning" if point["q"] else "good"),
                (_age(point["age_s"]), "dim"),
                (point["time"] or "", "dim"),
            )
            for name, point in told["points"].items()
        ]
        head = ("point", ">value", "unit", "quality", ">age", "its own time")
        return f"{self._paint(told['device'], 'bold')}: {_count(told['count'], 'point')}\n\n{self._table(head, rows)}"

    def _head(self, told: Answer) -> str:
        state = self._paint(told["state"], STATE_COLOUR.get(told["state"], ""))
        up_s = _seconds(told["time"], told["since"])
        clock = "" if told["clock"] == "synchronised" else self._paint("  clock not synchronised", "warning")
        lines = [f"{state} {told['health']}/100  up {_age(up_s)}  version {told['version']}  {told['time']}{clock}"]
        lines += [self._paint(f"  {why}", "warning") for why in told["why"]]
        return "\n".join(lines)

    def _sections(self, told: Answer) -> Iterator[str]:
        yield self._section("devices", self._devices(told["devices"]))
        if told.get("lines"):
            yield self._section("lines", self._conversations(told["lines"]))
        yield self._section("alarms", self._alarms(told["alarms"]))
        if told["alarms"].get("incidents"):
            yield self._section("incidents", self._incidents(told["alarms"]["incidents"]))
        if told.get("checks"):
            yield self._section("checks", self._checks(told["checks"]))
        if told.get("cyber"):
            yield self._section("cyber", self._cyber(told["cyber"]))
        yield self._section("uplink", self._uplink(told["uplink"]))
        yield self._section("store", self._store(told["store"]))
        yield self._section("delivery", self._ledger(told["ledger"], told["lost"]))

    def _section(self, title: str, body: str) -> str:
        return f"{self._paint(title, 'bold')}\n{body}"

    def _devices(self, devices: Mapping[str, Answer]) -> str:
        rows = []
        for name, device in devices.items():
            asked = device["polls"] + device["timeouts"]
            errors = device["timeouts"] / max(asked, 1)
            rows.append((
                (name, ""),
                ("answers", "good") if device["online"] else ("silent", "critical"),
                (f"{device['answer_ms']:.1f} ms" if device["polls"] else "", ""),
                (f"{errors:.2%}" if asked else "", "warning" if errors >= ERRORS_SHOWN else ""),
                (str(device["polls"]), "dim"),
                (str(device["skipped"]), "warning" if device["skipped"] else "dim"),
            ))  # fmt: skip
        head = ("device", "link", ">answer", ">unanswered", ">scans", ">skipped")
        return self._table(head, rows) if rows else "  none configured"

    def _conversations(self, lines: Sequence[Answer]) -> str:
        rows = [
            (
                (line["line"], ""),
                ("open", "good") if line["connected"] else ("closed", "critical"),
                (f"{line['busy']:.1%}", "critical" if line["busy"] >= FULL else "warning" * (line["busy"] >= BUSY)),
                (_named(line["devices"]), "dim"),
            )
            for line in lines
        ]
        return self._table(("line", "link", ">busy", "devices"), rows)

    def _alarms(self, alarms: Answer) -> str:
        load = "\n".join(self._paint(f"  {line}", "dim") for line in _load(alarms))
        if not alarms["count"]:
            return "\n".join(part for part in (self._paint("  none", "good"), load) if part)
        shown = alarms["worst"][:ALARMS]
        rows = [
            (
                (alarm["severity"], alarm["severity"]),
                (_state(alarm), "dim" if alarm["state"] in ("shelved", "suppressed") else ""),
                (alarm["last"] or "", "dim"),
                (alarm["text"], ""),
                (alarm["id"], "dim"),
            )
            for alarm in shown
        ]
        more = alarms["count"] - len(shown)
        table = self._table(("severity", "state", "since", "text", "id"), rows)
        return "\n".join(part for part in (table, f"  and {more} more" if more else "", load) if part)

    def _checks(self, checks: Mapping[str, Answer]) -> str:
        rows = [
            (
                (check, ""),
                (f"{told['share']:.0%}", "good" if told["share"] >= 1 else "dim"),
                (", ".join(f"{told[state]} {state}" for state in LEARNING if told[state]), ""),
            )
            for check, told in checks.items()
        ]
        return self._table(("check", ">learned", "of"), rows)

    def reports(self, told: Answer) -> str:
        """Return what the checks report: each with its content, numbers first."""
        return "\n\n".join(self._report(each) for each in told["reports"]) or "no reports yet"

    def _report(self, told: Answer) -> str:
        head = f"{self._paint(told['kind'] + ' ' + told['subject'], 'bold')}  {told['time'] or ''}"
        return "\n".join([head, *(f"  {line}" for line in content(told["body"]))])

    def _incidents(self, incidents: Sequence[Answer]) -> str:
        rows = [
            (
                (each["priority"], each["severity"]),
                (f"{each['active']}/{each['count']}", ""),
                (each["last"], "dim"),
                (each["text"], ""),
                (each["id"], "dim"),
            )
            for each in incidents[:INCIDENTS]
        ]
        return self._table(("priority", ">active", "last", "probably began with", "id"), rows)

    def _cyber(self, cyber: Answer) -> str:
        return "\n".join(self._paint(f"  {line}", colour) for line, colour in cyber_lines(cyber))

    def _uplink(self, uplink: Answer) -> str:
        link = self._paint("connected", "good") if uplink["connected"] else self._paint("not connected", "critical")
        line = f"  {link}, {_count(uplink['connects'], 'connection')} so far; {uplink['published']} sent, "
        line += f"{uplink['acked']} acknowledged, {uplink['inflight']} in flight"
        return line + (f"\n  last error: {uplink['last_error']}" if uplink["last_error"] else "")

    def _store(self, store: Answer) -> str:
        share = store["bytes"] / store["max_bytes"]
        filled = min(round(share * BAR), BAR)
        bar = "█" * filled + "·" * (BAR - filled)
        lasts = _lasts(store["hours_until_full"])
        line = f"  {bar} {store['bytes'] / MIB:.1f} of {store['max_bytes'] / MIB:.0f} MiB ({share:.0%}), {lasts}"
        oldest = f"\n  oldest message of {store['oldest']}" if store["oldest"] else ""
        return line + oldest + (self._paint(f"\n  {store['fault']}", "critical") if store["fault"] else "")

    def _ledger(self, ledger: Mapping[str, Answer], losses: Sequence[Answer] | None) -> str:
        rows = [
            (
                (stream, ""),
                (str(numbers["last"]), ""),
                (str(numbers["waiting"]), ""),
                (str(numbers["lost"]), "critical" if numbers["lost"] else "good"),
            )
            for stream, numbers in ledger.items()
        ]
        table = self._table(("stream", ">last number", ">waiting", ">ever lost"), rows)
        if losses is None:
            return f"{table}\n  which were lost cannot be read from the disk now"
        holes = [
            f"  {g['stream']} {g['from_seq']} to {g['to_seq']}: {g['lost']} lost, {g['reason']}"
            for g in losses[-HOLES:]
        ]
        return "\n".join([table, *holes])

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
        """Return columns under their heads; a head that begins with > stands right."""
        every = [[(word.removeprefix(">"), "dim") for word in head], *rows]
        widths = [max(len(row[column][0]) for row in every) for column in range(len(head))]
        return "\n".join(self._row(row, widths, [word.startswith(">") for word in head]) for row in every)

    def _row(self, cells: Sequence[Cell], widths: Sequence[int], right: Sequence[bool]) -> str:
        padded = (
            self._paint(text.rjust(width) if to_right else text.ljust(width), colour)
            for (text, colour), width, to_right in zip(cells, widths, right, strict=True)
        )
        return f"  {'  '.join(padded)}".rstrip()

    def _paint(self, text: str, colour: str) -> str:
        text = plain(text)
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self._colour and COLOURS.get(colour) else text


def _state(alarm: Answer) -> str:
    """Return the state in words, and what else an operator should know of it."""
    marks = (word.replace("_", "-") for word in ("first_out", "chattering", "withheld") if alarm.get(word))
    return ", ".join((alarm["state"].replace("_", " "), *marks))


def _load(alarms: Answer) -> Iterator[str]:
    """Yield what the alarms ask of an operator; nothing where the gateway does not tell."""
    if rates := alarms.get("rates"):
        hour, mean = _count(rates["last_hour"], "alarm"), rates["mean_per_hour"]
        load = f"{hour} told in the last hour, {mean:g} an hour in a day: {rates['benchmark']} (EEMUA 191)"
        yield f"{load}; {rates['flood_percent']:g} % of the time in flood"
    words = ("suppressed", "shelved", "chattering", "withheld", "standing")
    if found := [f"{alarms[word]} {word}" for word in words if alarms.get(word)]:
        yield ", ".join(found)


def _named(devices: Sequence[str]) -> str:
    more = len(devices) - DEVICES
    return ", ".join(devices[:DEVICES]) + (f" and {more} more" if more > 0 else "")


def _number(value: float | None) -> str:
    return "-" if value is None else number.shown(value)


def _lasts(hours: float | None) -> str:
    if hours is None:
        return "not filling"
    return f"full in {hours:g} h at the present rate" if hours else "full: the oldest telemetry fades"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _age(seconds: float | None) -> str:
    """Return a duration in its two largest units that matter."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _seconds(later: str, earlier: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
