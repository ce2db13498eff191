"""Where a device is, for alarms whose points have no role."""

import pytest

from gateway.core.naming import Naming
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

PLAIN = [PointConfig(name=f"p{n}") for n in range(50)]
AT_BAY = Role(bay="b1", bus="main")


def naming(**devices):
    return Naming(Points.of([(DeviceConfig(name=name), points) for name, points in devices.items()]))


def roled(*roles):
    return [*PLAIN, *(PointConfig(name=f"r{n}", role=role) for n, role in enumerate(roles))]


@pytest.mark.parametrize(
    ("roles", "home"),
    [
        ((), ()),
        ((Role(bus="main"),), ()),
        ((AT_BAY, Role(bay="b1", bus="main", quantity="voltage")), (("b1", "main"),)),
        ((AT_BAY, Role(bay="b1", bus="spare")), (("b1", "main"), ("b1", "spare"))),
        ((AT_BAY, Role(bay="b2", bus="main")), ()),
    ],
    ids=["no role", "no bay", "one bay", "one bay on two buses", "two bays"],
)
def test_a_device_is_where_its_only_bay_is(roles, home):
    assert tuple((role.bay, role.bus) for role in naming(d=roled(*roles)).home("d")) == home


def test_a_device_that_is_gone_is_nowhere():
    assert naming(d=PLAIN).home("e") == ()


def test_its_points_are_looked_through_once():
    """An alarm of a device of a thousand points took milliseconds, each time."""
    subject = naming(d=roled(AT_BAY))
    first = subject.home("d")
    vars(subject)["points"] = None

    assert subject.home("d") is first
