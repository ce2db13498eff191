"""The table of metrics as OpenTelemetry has it: the body of an ExportMetricsServiceRequest in JSON (OTLP 1.x).

    {"resourceMetrics": [{"resource": {"attributes": [...]}, "scopeMetrics": [{"scope": {...}, "metrics": [
      {"name": "gridsentinel_device_scans_total", "description": "...", "unit": "",
       "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [
         {"attributes": [{"key": "device", "value": {"stringValue": "bay3"}}], "timeUnixNano": "1", "asDouble": 17}]}}
    ]}]}]}

Names and labels are those of the page for Prometheus. Times of 64 bits are text, as JSON of protobuf wants. A start of
the counters is not told, which the format allows: some begin anew with a reload, and some outlive a restart.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from gateway import __version__
from gateway.config.model import Identity
from gateway.metrics.metric import Metric
from gateway.metrics.source import Source

CUMULATIVE: Final = 2
"""AGGREGATION_TEMPORALITY_CUMULATIVE of metrics.proto."""
UNITS: Final = {"seconds": "s", "bytes": "By"}
"""Units of UCUM by the end of the name; others count something."""


def body(metrics: Iterable[Metric], source: Source, identity: Identity) -> bytes:
    """Return what is sent to the collector, as it is now."""
    scope = {"name": "gridsentinel", "version": __version__}
    told = [found for metric in metrics if (found := _metric(metric, source))]
    resource = {"attributes": _attributes(_who(identity).items())}
    request = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": scope, "metrics": told}]}]}
    return msgspec.json.encode(request)


def rejected(answer: bytes) -> int:
    """Return how many values the collector says it did not take; 0 where it says nothing that can be understood."""
    try:
        told = msgspec.json.decode(answer)["partialSuccess"]["rejectedDataPoints"]
        return max(0, int(told)) if len(str(told)) < 20 else 0
    except (msgspec.DecodeError, LookupError, TypeError, ValueError, RecursionError):
        return 0


def _who(identity: Identity) -> Mapping[str, str]:
    """Return who is told about, in the words of the semantic conventions."""
    return {
        "service.name": "gridsentinel",
        "service.namespace": identity.site,
        "service.instance.id": identity.name,
        "service.version": __version__,
    }


def _metric(metric: Metric, source: Source) -> dict[str, Any] | None:
    """Return one metric, or None where no value of it is known."""
    points = list(_points(metric, source))
    if not points:
        return None
    head = {"name": metric.name, "description": metric.help, "unit": _unit(metric.name)}
    if metric.kind == "gauge":
        return {**head, "gauge": {"dataPoints": points}}
    return {**head, "sum": {"aggregationTemporality": CUMULATIVE, "isMonotonic": True, "dataPoints": points}}


def _points(metric: Metric, source: Source) -> Iterator[dict[str, Any]]:
    """Yield its values; what is no finite number has no place in JSON and is left out."""
    for words, value in metric.read(source):
        if value is not None and math.isfinite(value):
            labels = _attributes(zip(metric.labels, words, strict=True))
            yield {"attributes": labels, "timeUnixNano": str(source.now_ns), "asDouble": float(value)}


def _attributes(pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": word}} for key, word in pairs]


def _unit(name: str) -> str:
    return UNITS.get(name.removesuffix("_total").rpartition("_")[2], "")
