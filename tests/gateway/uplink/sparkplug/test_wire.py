"""The layout of payloads: what is encoded comes back, by our runtime and by its own rules of order."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.sparkplug.metric import codes, put
from gateway.uplink.sparkplug.wire import BadPayload, DataType, Payload, numbered, parse

VALUES = st.one_of(
    st.tuples(st.just(DataType.DOUBLE), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just(DataType.BOOLEAN), st.booleans()),
    st.tuples(st.just(DataType.STRING), st.text(max_size=50)),
    st.tuples(st.just(DataType.INT64), st.integers(0, 2**63 - 1)),
    st.tuples(st.just(DataType.INT32), st.integers(0, 2**31 - 1)),
)
KINDS = {
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
    DataType.INT64: "long_value",
    DataType.INT32: "int_value",
}


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**62), VALUES), max_size=20), st.integers(0, 255))
def test_what_is_encoded_comes_back(metrics, seq):
    """Alias, time and value of any kind survive, and the number that was added behind."""
    payload = Payload(timestamp=1)
    for alias, time_ms, (datatype, value) in metrics:
        put(payload.metrics.add(alias=alias, timestamp=time_ms), datatype, value)
    back = parse(numbered(payload.SerializeToString(), seq))

    assert back.seq == seq
    assert [
        (m.alias, m.timestamp, getattr(m, KINDS[kind]))
        for m, (_, _, (kind, _)) in zip(back.metrics, metrics, strict=True)
    ] == [(alias, time_ms, value) for alias, time_ms, (_, value) in metrics]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_does_not_exist_is_null(value):
    """A value that does not exist is told as null, never as a number."""
    metric = Payload().metrics.add()
    put(metric, DataType.DOUBLE, value)

    assert metric.is_null
    assert metric.WhichOneof("value") is None


def test_a_negative_number_is_told_in_its_complement():
    """Signed numbers go as unsigned ones of their width (clause 6.4.16)."""
    payload = Payload()
    put(payload.metrics.add(), DataType.INT32, -1)
    put(payload.metrics.add(), DataType.INT64, -2)

    assert [payload.metrics[0].int_value, payload.metrics[1].long_value] == [2**32 - 1, 2**64 - 2]


def test_the_layout_is_that_of_the_specification():
    """A metric of every simple kind, byte by byte as the field numbers of clause 6.4.1 say."""
    payload = Payload(timestamp=1, seq=3, uuid="u", body=b"b")
    payload.metrics.add(
        name="n", alias=2, timestamp=3, datatype=10, is_historical=True, is_transient=True, is_null=True
    )  # fmt: skip
    metric = "0a016e10021803200a280130013801"
    assert payload.SerializeToString().hex() == f"080112{len(metric) // 2:02x}" + metric + "18032201752a0162"


@pytest.mark.parametrize(
    ("field", "value", "encoded"),
    [("int_value", 1, "5001"), ("long_value", 1, "5801"), ("float_value", 1.0, "650000803f"),
     ("double_value", 1.0, "69000000000000f03f"), ("boolean_value", True, "7001"), ("string_value", "s", "7a0173"),
     ("bytes_value", b"s", "82010173")],
)  # fmt: skip
def test_values_have_their_fields(field, value, encoded):
    """Each kind of value has the number of clause 6.4.1."""
    assert type(Payload().metrics.add())(**{field: value}).SerializeToString().hex() == encoded


def test_quality_codes():
    """A lost device is stale whatever else is known; what is invalid is bad; what is questionable counts."""
    import numpy as np

    assert codes(np.array([0, 1, 4, 5, 8192, 8193, 2, 128], np.uint16)) == [192, 0, 500, 500, 500, 500, 192, 0]


@given(st.binary(max_size=200))
def test_chance_is_a_payload_or_the_one_error(body):
    """Bytes of chance are read, or refused with the one error."""
    with suppress(BadPayload):
        parse(body)
