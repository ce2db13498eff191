"""Carries a recording through the pipeline of a configuration, as the daemon carries what it reads."""

from collections.abc import Callable, Iterator
from pathlib import Path

from detectors.config import build
from gateway.config.model import Config
from gateway.core.messages import Alarm, Message, Unsaid
from gateway.core.pipeline import Pipeline
from gateway.recording.opened import is_capture, opened
from gateway.recording.source import Source, between, instant, seen
from gateway.replay.taught import NEVER_NS, Lesson
from protocols.model import Batch, Fed, Tick
from protocols.points import Points
from protocols.tap.config import TapDevice

PROGRESS_EVERY = 200


class Replay:
    """One recording under one configuration. `readings` and `moments` tell how much was looked at.

    A capture is what the first tap of the configuration would have taken; where there is none, one is added. While the
    `lesson` lasts what is seen is normal; from then on nothing is learned, as if a person had frozen it.
    """

    def __init__(
        self,
        config: Config,
        recording: Path,
        from_ns: int | None = None,
        to_ns: int | None = None,
        *,
        lesson: Lesson | None = None,
    ) -> None:
        config, tap = _listening(config, recording)
        self._lesson_ns = lesson.length_ns(recording) if lesson else 0
        self.points = Points.of([(device, device.points) for device in config.devices])
        detectors = build(config.detectors, self.points, config.gateway.timezone)
        self.pipeline = Pipeline(self.points, detectors, config.uplink.window_s, config.alarms)
        self.source = opened(recording, self.points, tap)
        self.readings = self.moments = 0
        self.first_ns = self.last_ns = self._began_ns = 0
        self._bounds, self._tap, self._path = (from_ns, to_ns), tap, recording
        self._teaching = lesson is not None
        if lesson:
            for baseline in self.pipeline.baselines().values():
                baseline.learn_ns, baseline.frozen = NEVER_NS, False

    def messages(self, progress: Callable[[float], None] = lambda _: None) -> Iterator[Message]:
        """Yield what the pipeline has to say, in order.

        Raises:
            BadRecording: it cannot be read on.
        """
        for number, each in enumerate(self.input()):
            if not number % PROGRESS_EVERY:
                progress(self.source.share)
            self._count(each)
            self._teach(each)
            said = (message for message in self.pipeline.observe(each) if not isinstance(message, Unsaid))
            yield from (message for message in said if not (self._teaching and isinstance(message, Alarm)))
        progress(1.0)

    def again(self) -> Source:
        """Open the recording a second time."""
        return opened(self._path, self.points, self._tap)

    def input(self) -> Iterator[Fed]:
        """Yield what the pipeline sees; once."""
        return seen(between(self.source.told(), *self._bounds))

    def close(self) -> None:
        """Let go of the recording."""
        self.source.close()

    def _teach(self, each: Fed) -> None:
        """End the lesson when its time is over."""
        now_ns = each.time_ns if isinstance(each, Tick) else instant(each)
        self._began_ns = self._began_ns or now_ns
        if self._teaching and now_ns - self._began_ns >= self._lesson_ns:
            self._teaching = False
            for baseline in self.pipeline.baselines().values():
                baseline.freeze()

    def _count(self, each: Fed) -> None:
        if isinstance(each, Batch):
            self.readings += len(each)
            self.moments += each.arrival_ns != self.last_ns
            self.first_ns = self.first_ns or each.arrival_ns
            self.last_ns = each.arrival_ns


def _listening(config: Config, recording: Path) -> tuple[Config, TapDevice | None]:
    """Return `config` with a tap, if the recording is a capture, and that tap."""
    if not is_capture(recording):
        return config, None
    from gateway.recording.capture_file import listening  # noqa: PLC0415 - only for captures

    return listening(config, recording)
