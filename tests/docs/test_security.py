"""The page that a security officer signs says of the checks what the checks say of themselves."""

import ast
import re
from importlib import import_module
from pathlib import Path

from detectors.cyber.checks import CHECKS
from gateway.cli.learn import WORDS
from gateway.uplink.commands import _NEEDED

ROOT = Path(__file__).resolve().parents[2]
SENDING = {"send", "sendall", "sendfile", "sendmsg", "sendmsg_afalg", "sendto", "sock_sendall", "sock_sendto"}


def test_every_check_has_a_row(table):
    """With its file, and the test that shows an attack and its benign twin."""
    rows = table("security.md", "What it notices")[: len(CHECKS)]
    named = {check.NAME: check for check in CHECKS}

    assert sorted(row[0].strip("`") for row in rows) == sorted(named)
    for name, _, code, test in rows:
        check = named[name.strip("`")]
        module = import_module(code.strip("`").removesuffix(".py").replace("/", "."))
        assert getattr(module, check.__name__) is check
        shown = ROOT / test.strip("`")
        assert shown.name == f"test_{check.NAME}.py" or check.NAME in shown.read_text()


def test_every_technique_has_its_checks(table):
    """Each that any check names, with all checks that name it."""
    found = {row[0]: set(re.findall(r"`(\w+)`", row[2])) for row in table("security.md", "MITRE ATT&CK for ICS")}

    assert found == {
        technique: {check.NAME for check in CHECKS if technique in check.TECHNIQUES}
        for technique in sorted({each for check in CHECKS for each in check.TECHNIQUES})
    }


def test_mqtt_can_change_nothing_that_is_normal():
    """No order of `learn` is a command of the broker."""
    assert not set(WORDS) & set(_NEEDED)


def test_the_tap_has_no_code_that_sends():
    """No call of that name stands in its folder; what it reads it reads."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "protocols/tap").rglob("*.py")]
    called = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert trees
    assert called & SENDING == set()
