"""The policy: who is meant by an address, a network or a pattern, and what a rule allows; nobody else may."""

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.cyber.config import CyberConfig
from detectors.cyber.policy import MOST_ASKED, Allowed, Rules, Who

RULE = Allowed(source="10.0.0.0/24", target="10.0.1.1", protocol="modbus", actions=("write", "read"), items=(10, 19))


def allows(source="10.0.0.5", target="10.0.1.1", protocol="modbus", action="write", items=(10, 19)):
    return Rules([RULE]).allow(source, target, protocol, action, items)


def test_a_rule_allows_what_it_says_and_nothing_beside():
    """Each part of it counts: source, target, protocol, action, and which items."""
    assert allows()
    assert allows(items=(12, 12))
    assert not allows(source="10.0.1.5")
    assert not allows(target="10.0.1.2")
    assert not allows(protocol="dnp3")
    assert not allows(action="control")
    assert not any(allows(items=each) for each in ((9, 10), (19, 20), (0, 99), None))


def test_a_rule_without_a_part_allows_any_of_it():
    """All targets, protocols and items."""
    rules = Rules([Allowed(source="02:aa:*", actions=("control",))])

    assert rules.allow("02:AA:00:00:00:01", "anyone", "goose", "control", None)
    assert not rules.allow("02:ab:00:00:00:01", "anyone", "goose", "control", None)


def test_silent_is_what_no_rule_speaks_of():
    """A rule for writing says nothing about restarting."""
    assert [Rules([RULE]).silent(action) for action in ("write", "critical")] == [False, True]


def test_who_is_named_belongs_here_and_any_is_nobody():
    """A rule for any target names no target."""
    rules = Rules([RULE, Allowed(source="*", target="10.7.0.1")])

    assert [rules.name(each) for each in ("10.0.0.9", "10.0.1.1", "10.7.0.1", "10.9.9.9")] == [True, True, True, False]
    assert rules.link("10.9.9.9", "10.7.0.1")
    assert not rules.link("10.9.9.9", "10.0.1.1")


@given(st.lists(st.ip_addresses(v=4), max_size=5), st.integers(8, 32), st.ip_addresses(v=4))
def test_who_is_in_a_network_is_what_arithmetic_says(listed, prefix, asked):
    """Networks of any size, host bits or not, asked once or twice."""
    networks = [f"{address}/{prefix}" for address in listed]
    who, expected = Who(networks), any(asked in ip_network(each, strict=False) for each in networks)

    assert [str(asked) in who, str(asked) in who] == [expected] * 2


@given(st.text(max_size=30))
def test_any_text_may_be_asked(text):
    """What is no address is in no network, and breaks nothing."""
    assert (text in Who(["10.0.0.0/8"])) is _inside(text, IPv4Network("10.0.0.0/8"))


def _inside(text, network):
    try:
        parsed = ip_address(text)
    except ValueError:
        return False
    return isinstance(parsed, IPv4Address) and parsed in network


def test_a_flood_of_addresses_is_answered_from_a_memory_of_fixed_size():
    """More are looked up each time, with the same answer."""
    who = Who(["10.0.0.0/16"])
    answers = [f"10.{n >> 8}.{n & 255}.1" in who for n in range(MOST_ASKED * 2)]

    assert sum(answers) == 256
    assert len(who._known) == MOST_ASKED


@pytest.mark.parametrize("wrong", ["10.0.0.300", "10.0.0.0/33", "relay1", "00:0c:29:aa:bb", "10.0.0.1-10.0.0.9", ""])
@pytest.mark.parametrize("key", ["masters", "own", "engineering", "scanners", "virtual"])
def test_an_address_that_is_none_is_a_fault(key, wrong):
    """It would allow nobody, and nobody would know."""
    ((path, text),) = CyberConfig(**{key: ("10.0.0.5", wrong)}).faults()

    assert path == (key, 1)
    assert wrong in text


def test_rules_checks_and_windows_are_looked_through():
    """A rule's addresses, a check that there is not, a window that ends before it begins."""
    config = CyberConfig(
        allow=(Allowed(source="nobody"), Allowed(source="10.0.0.5", target="10.0.0.0/99")),
        checks={"scam": "off", "scan": "off"},
        maintenance=(("2026-03-02T00:00", "2026-03-01T00:00"),),
    )

    assert [path for path, _ in config.faults()] == [
        ("checks", "scam"), ("maintenance", 0), ("allow", 0, "source"), ("allow", 1, "target"),
    ]  # fmt: skip


def test_masters_may_do_daily_work_and_nothing_else():
    """They read, write, control and set the time; they restart nothing and move no files."""
    rules = Rules(CyberConfig(masters=("10.0.0.5",)).rules)
    daily = ("read", "write", "control", "select", "freeze", "time", "discover")

    assert all(rules.allow("10.0.0.5", "x", "dnp3", each) for each in daily)
    assert not any(rules.allow("10.0.0.5", "x", "dnp3", each) for each in ("critical", "file", "program"))
