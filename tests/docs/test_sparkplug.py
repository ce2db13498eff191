"""docs/sparkplug.md against the code: every metric with its type, every quality."""

import itertools
import re

import numpy as np

from gateway.uplink.sparkplug.device import Device
from gateway.uplink.sparkplug.metric import codes
from gateway.uplink.sparkplug.node import METRICS
from gateway.uplink.sparkplug.wire import DataType, parse
from protocols.model import Quality

WORDS = {datatype.name.title().replace("_", ""): datatype for datatype in DataType}


def listed(table, heading):
    return {row[0].strip("`"): row[1] for row in table("sparkplug.md", heading)}


def test_every_metric_of_the_node_is_documented(table):
    """Names, types and their order."""
    found = listed(table, "Metrics of the node")

    assert {name: WORDS[word] for name, word in found.items()} == dict(METRICS)
    assert list(found) == list(METRICS)


def test_every_metric_of_a_device_is_documented(table):
    """What a birth names, with the point's name for POINT."""
    device = Device(itertools.count(), windows=True)
    device.grow({"va": {"type": "float32", "unit": "V", "role": {}}})
    birth = parse(device.birth(None, 1))
    found = listed(table, "Metrics of a device")

    assert {name.replace("POINT", "va"): WORDS[word.split(",")[0]] for name, word in found.items()} == {
        metric.name: metric.datatype for metric in birth.metrics
    }


def test_every_quality_is_documented(table):
    """Each flag alone has the code that the page says; what is not named is good."""
    named = {
        flag: int(row[0].split(",")[0])
        for row in table("sparkplug.md", "Quality")
        for flag in re.findall(r"`(\w+)`", row[1])
    }
    flags = list(Quality)

    for flag, code in zip(flags, codes(np.array(flags, np.uint16)), strict=True):
        assert code == named.get(flag.name.lower(), 192), flag
