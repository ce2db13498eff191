"""A capture of the network as a recording: what the tap would have seen and said on that wire, at its own times.

The watch is asked as often as the daemon asks it. A silence is lived through second by second, for the checks to notice
it; one that is longer than `SILENCE_S` is cut short. Where the times of a capture go back, as in captures that were put
behind one another, they go on from where they were, and that is noted.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from gateway.config.model import Config
from gateway.core.messages import Alarm
from gateway.recording.source import BadRecording, Told, remark
from protocols.points import Points
from protocols.tap.capture.pcap import Capture
from protocols.tap.capture.reading import BadCapture
from protocols.tap.capture.silence import Silence
from protocols.tap.config import TapDevice
from protocols.tap.numbers import Numbers
from protocols.tap.watch import Watch

DRAIN_NS = 50_000_000
SECOND_NS = 1_000_000_000
LATEST_NS = 1 << 63
SILENCE_S = 600
"""Seconds of a silence that pass one by one: the checks look no further back."""
BACK_NS = SECOND_NS
"""Times that go back by less are of frames that two interfaces took at once."""


class CaptureFile:
    """A `Source`: sightings as the tap makes them, and once a second what it counts."""

    def __init__(self, path: Path, points: Points, tap: TapDevice) -> None:
        self.notes: list[str] = []
        self._capture, self._path = _opened(path), path
        self._watch = Watch(tap.name, ports=tap.ports)
        self._silence = Silence(tap.name, recorded=True)
        self._numbers = Numbers(tap.name, points)
        self._now_ns = self._second = 0

    @property
    def share(self) -> float:
        """How much of it has been read, 0 to 1."""
        return self._capture.share

    def told(self) -> Iterator[Told]:
        """Yield what the watch says."""
        frame, shift_ns, due_ns, last_ns = self._watch.frame, 0, 0, 0
        for data, taken_ns, vlan, _wire in self._capture.frames():
            time_ns = taken_ns + shift_ns
            if time_ns < last_ns - BACK_NS:
                remark(self.notes, f"times go back by {(last_ns - time_ns) / SECOND_NS:.0f} s: they go on from there")
                shift_ns += last_ns - time_ns
                time_ns = last_ns
            last_ns = max(last_ns, time_ns)
            if time_ns >= due_ns:
                yield from self._passed(time_ns)
                due_ns = time_ns + DRAIN_NS
            frame(data, time_ns, vlan)
        yield from self._passed(last_ns)
        yield from self._passed(last_ns + SECOND_NS)
        self._sum_up()

    def alarms(self) -> Iterator[Alarm] | None:
        """Return None: a capture carries no alarms."""
        return None

    def close(self) -> None:
        """Let go of it."""
        self._capture.close()

    def _passed(self, now_ns: int) -> Iterator[Told]:
        """Yield what there is to say until `now_ns`."""
        silent_s = (now_ns - self._now_ns) // SECOND_NS if self._now_ns else 0
        for second in range(1, min(silent_s, SILENCE_S) + 1):
            yield from self._asked(self._now_ns + second * SECOND_NS)
        self._now_ns = now_ns
        yield from self._asked(now_ns)

    def _asked(self, now_ns: int) -> Iterator[Told]:
        yield from self._watch.take(now_ns)
        if now_ns // SECOND_NS != self._second:
            self._second = now_ns // SECOND_NS
            yield from self._silence.look(self._watch.frames, now_ns)
            yield self._numbers.batch(self._watch, 0, now_ns)

    def _sum_up(self) -> None:
        watch = self._watch
        remark(self.notes, f"{watch.frames} frames, {watch.talkers} addresses, {watch.malformed} frames that cannot be")
        if watch.fault is not None:
            remark(self.notes, f"{watch.faults} frames were not understood: {watch.fault!r}")
        for note in self._capture.notes:
            remark(self.notes, note)


def span(path: Path) -> tuple[int, int]:
    """Return the least and the greatest time of a capture, UTC nanoseconds; it is read for that.

    Raises:
        BadRecording: it is no capture, or has no frame.
    """
    first_ns, last_ns = LATEST_NS, 0
    with closing(_opened(path)) as capture:
        for _, time_ns, _, _ in capture.frames():
            first_ns, last_ns = min(first_ns, time_ns), max(last_ns, time_ns)
    if first_ns == LATEST_NS:
        raise BadRecording(f"{path}: this capture has no frame")
    return first_ns, last_ns


def listening(config: Config, path: Path) -> tuple[Config, TapDevice]:
    """Return `config` with a tap, and that tap: its own first one, or one that is called `capture`."""
    for device in config.devices:
        if isinstance(device, TapDevice):
            return config, device
    names = {device.name for device in config.devices}
    name = next(each for each in ("capture", *(f"capture{n}" for n in range(len(names) + 1))) if each not in names)
    tap = TapDevice(name=name, protocol="tap", file=path)
    return replace(config, devices=(*config.devices, tap)), tap


def _opened(path: Path) -> Capture:
    try:
        return Capture(path)
    except BadCapture as error:
        raise BadRecording(str(error)) from None
