"""Every command is entered into the audit log; a flood only by its number."""

import ast
import inspect

import pytest

from gateway.uplink import commands, logbook
from gateway.uplink.commands import Outcome
from gateway.uplink.logbook import BURST, EACH_S, TOLD_S, Logbook


class Audit:
    def __init__(self):
        self.notes = []

    def note(self, what, who, **detail):
        self.notes.append((what, who, detail))


class Desk:
    """A logbook, its audit log, and the time."""

    def __init__(self):
        self.now_s, self.audit = 1000.0, Audit()
        self.logbook = Logbook(self.audit, lambda: 7, lambda: self.now_s)


@pytest.fixture
def desk():
    return Desk()


def test_a_command_is_entered(desk):
    """With its keys, what came of it, and who asked."""
    desk.logbook.command(Outcome.REFUSED, {"id": "1", "do": "ack", "by": "anna", "error": "no", "until": None})
    desk.logbook.command(Outcome.MALFORMED, {"id": None, "error": "not JSON", "bytes": 3})

    assert desk.audit.notes == [
        ("command", "anna", {"outcome": "refused", "id": "1", "do": "ack", "error": "no"}),
        ("command", "unknown", {"outcome": "malformed", "error": "not JSON", "bytes": 3}),
    ]


def test_a_flood_is_entered_by_its_number(desk):
    """After a burst one each ten seconds, and each minute how many there were besides."""
    for _ in range(BURST + 50):
        desk.logbook.command(Outcome.REPEATED, {"id": "1"})
    assert len(desk.audit.notes) == BURST
    desk.logbook.tell()
    assert len(desk.audit.notes) == BURST
    desk.now_s += TOLD_S
    desk.logbook.tell()
    assert desk.audit.notes[-1] == ("commands", "unknown", {"repeated": 50})
    for _ in range(100):
        desk.logbook.command(Outcome.MALFORMED, {"id": "1"})

    assert len(desk.audit.notes) == BURST + 1 + TOLD_S / EACH_S


def test_what_nobody_heard_is_entered_by_its_number(desk):
    """Commands that were dropped, as the uplink counts them; at a stop without waiting for the minute."""
    for total in (0, 3, 3, 10):
        desk.logbook.swallowed(total)
    desk.logbook.dropped(2)
    desk.logbook.tell()
    desk.logbook.tell(now=True)
    desk.logbook.tell(now=True)

    assert desk.audit.notes == [("commands", "unknown", {"dropped": 12})]


@pytest.mark.parametrize("module", [commands, logbook])
def test_commands_know_no_device(module):
    """What reads and records commands imports nothing that speaks to a device."""
    tree = ast.parse(inspect.getsource(module))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}

    assert {name for name in imported if name.startswith(("protocols", "gateway"))} <= {"gateway.uplink.commands"}
