"""A metric and its text: the exposition format of Prometheus, version 0.0.4.

    # HELP gridsentinel_device_scans_total Scans that were answered.
    # TYPE gridsentinel_device_scans_total counter
    gridsentinel_device_scans_total{device="feeder1"} 17

A name ends with its unit, and with `_total` where it only grows until the next start or reload.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from gateway.metrics.source import Source

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
ESCAPED: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
"""In the value of a label."""

Value: TypeAlias = float | None
"""None: not known now, and left out."""
Read: TypeAlias = Callable[[Source], Iterable[tuple[tuple[str, ...], Value]]]
"""Yields the values of the labels, and the value of the metric."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: `read` finds its values, one for each combination of `labels`."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    read: Read
    labels: tuple[str, ...] = ()

    def lines(self, source: Source) -> Iterator[str]:
        """Yield its head and its values, nothing where there are none."""
        values = [
            f"{self.name}{self._named(words)} {_told(value)}" for words, value in self.read(source) if value is not None
        ]
        if values:
            yield f"# HELP {self.name} {self.help}"
            yield f"# TYPE {self.name} {self.kind}"
            yield from values

    def _named(self, words: tuple[str, ...]) -> str:
        pairs = (f'{label}="{word.translate(ESCAPED)}"' for label, word in zip(self.labels, words, strict=True))
        return f"{{{','.join(pairs)}}}" if self.labels else ""


def text(metrics: Iterable[Metric], source: Source) -> bytes:
    """Return the page that Prometheus fetches."""
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines(source)).encode()


def _told(value: float) -> str:
    return repr(float(value)) if value % 1 else str(int(value))
