"""What an NCMD may ask: a rebirth, or one of the gateway's few commands on alarms; the rest is ignored and counted."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.uplink.sparkplug.wire import BadPayload, parse

NCMD_BYTES = 16 * 1024
"""Largest NCMD that is read; a command has at most 8 KiB."""
NCMD_METRICS = 64
"""Most metrics in one; a host writes one or two."""
REBIRTH = "Node Control/Rebirth"
COMMAND = "Node Control/Command"
REPLY = "Node Control/Reply"


def orders(payload: bytes, names: Mapping[int, str]) -> Sequence[bytes | None]:
    """Return each command in an NCMD, None for a rebirth. `names` are the metrics by alias.

    Raises:
        BadPayload: it holds anything else, or is no payload.
    """
    if len(payload) > NCMD_BYTES:
        raise BadPayload(f"NCMD of {len(payload)} bytes is over {NCMD_BYTES}")
    metrics = parse(payload).metrics
    if not 0 < len(metrics) <= NCMD_METRICS:
        raise BadPayload(f"NCMD of {len(metrics)} metrics, not of 1 to {NCMD_METRICS}")
    return [_order(metric, names) for metric in metrics]


def _order(metric: Any, names: Mapping[int, str]) -> bytes | None:
    name, kind = metric.name or names.get(metric.alias), metric.WhichOneof("value")
    if name == REBIRTH and kind == "boolean_value" and metric.boolean_value:
        return None
    if name == COMMAND and kind == "string_value" and isinstance(metric.string_value, str):  # bytes where no UTF-8
        return metric.string_value.encode()
    raise BadPayload("not a command that an NCMD may carry")
