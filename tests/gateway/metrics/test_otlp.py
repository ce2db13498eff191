"""The table in OTLP: read again with the messages that OpenTelemetry publishes."""

import math
from types import SimpleNamespace

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

from gateway.config.model import Identity
from gateway.metrics.metric import Metric
from gateway.metrics.otlp import body, rejected

NOW_NS = 1_795_176_000_123_456_789
SOURCE = SimpleNamespace(now_ns=NOW_NS)


def told(name, kind, values, labels=("device",)):
    """Return the metrics that a collector understands."""
    found = body([Metric(name, kind, "Help.", lambda _: values, labels)], SOURCE, Identity(site="west", name="gw1"))
    (resource,) = json_format.Parse(found, ExportMetricsServiceRequest()).resource_metrics
    return list(resource.scope_metrics[0].metrics)


def test_a_counter():
    """A cumulative sum that only grows, of the instant that the gateway has."""
    (metric,) = told("m_total", "counter", [(("a",), 3), (('b"\n',), 0.1 + 0.2)])

    assert (metric.name, metric.description, metric.unit) == ("m_total", "Help.", "")
    assert metric.sum.is_monotonic
    assert metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    assert [(p.time_unix_nano, p.start_time_unix_nano, p.as_double) for p in metric.sum.data_points] == [
        (NOW_NS, 0, 3),
        (NOW_NS, 0, 0.1 + 0.2),
    ]
    assert [(a.key, a.value.string_value) for p in metric.sum.data_points for a in p.attributes] == [
        ("device", "a"),
        ("device", 'b"\n'),
    ]


@pytest.mark.parametrize(
    ("name", "unit"), [("a_seconds", "s"), ("a_seconds_total", "s"), ("a_bytes", "By"), ("a_messages", "")]
)
def test_a_gauge_and_its_unit(name, unit):
    """By the end of the name, as UCUM writes it."""
    (metric,) = told(name, "gauge", [((), True)], ())

    assert (metric.unit, [point.as_double for point in metric.gauge.data_points]) == (unit, [1])


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_has_no_number_is_left_out(value):
    """With its metric, if nothing is left."""
    assert told("m", "gauge", [(("a",), value)]) == []
    assert len(told("m", "gauge", [(("a",), value), (("b",), 1)])[0].gauge.data_points) == 1


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (b"{}", 0),
        (b'{"partialSuccess": {"rejectedDataPoints": "7", "errorMessage": "old"}}', 7),
        (b'{"partialSuccess": {"rejectedDataPoints": 7}}', 7),
        (b'{"partialSuccess": {"rejectedDataPoints": -7}}', 0),
        (b'{"partialSuccess": {"rejectedDataPoints": 1e999}}', 0),
        (b'{"partialSuccess": {"rejectedDataPoints": "' + b"9" * 60_000 + b'"}}', 0),
        (b'{"partialSuccess": null}', 0),
        (b"[]", 0),
        (b"[" * 65_536, 0),
        (b"\xff\xfe", 0),
        (b"", 0),
    ],
)
def test_what_was_rejected(answer, count):
    """As the collector counts it; whatever else it says costs nothing."""
    assert rejected(answer) == count
