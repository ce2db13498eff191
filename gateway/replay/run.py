"""Carries a recording through the pipeline of a configuration, as the daemon carries what it reads."""

from collections.abc import Callable, Iterator
from pathlib import Path

from detectors.config import build
from gateway.config.model import Config
from gateway.core.messages import Message, Unsaid
from gateway.core.pipeline import Pipeline
from gateway.recording.opened import opened
from gateway.recording.source import between, seen
from protocols.model import Batch, Fed
from protocols.points import Points

PROGRESS_EVERY = 200


class Replay:
    """One recording under one configuration. `readings` and `moments` tell how much was looked at."""

    def __init__(self, config: Config, recording: Path, from_ns: int | None = None, to_ns: int | None = None) -> None:
        self.points = Points.of([(device, device.points) for device in config.devices])
        detectors = build(config.detectors, self.points, config.gateway.timezone)
        self.pipeline = Pipeline(self.points, detectors, config.uplink.window_s, config.alarms)
        self.source = opened(recording, self.points)
        self.readings = self.moments = 0
        self.first_ns = self.last_ns = 0
        self._bounds = from_ns, to_ns

    def messages(self, progress: Callable[[float], None] = lambda _: None) -> Iterator[Message]:
        """Yield what the pipeline has to say, in order.

        Raises:
            BadRecording: it cannot be read on.
        """
        for number, each in enumerate(self.input()):
            if not number % PROGRESS_EVERY:
                progress(self.source.share)
            self._count(each)
            yield from (said for said in self.pipeline.observe(each) if not isinstance(said, Unsaid))
        progress(1.0)

    def input(self) -> Iterator[Fed]:
        """Yield what the pipeline sees; once."""
        return seen(between(self.source.told(), *self._bounds))

    def close(self) -> None:
        """Let go of the recording."""
        self.source.close()

    def _count(self, each: Fed) -> None:
        if isinstance(each, Batch):
            self.readings += len(each)
            self.moments += each.arrival_ns != self.last_ns
            self.first_ns = self.first_ns or each.arrival_ns
            self.last_ns = each.arrival_ns
