"""What a report holds is read as lines, whatever it is, and nothing in it commands a terminal."""

from gateway.local.content import content


def test_every_value_has_its_path():
    """Mappings are followed, lists are cut after a few, what does not exist is a dash."""
    body = {"unit": "kW", "peak": {"value": 4210.5, "start": None}, "p50": [float(n) for n in range(9)], "ok": True}

    assert list(content(body)) == [
        "unit  kW",
        "peak.value  4210.5",
        "peak.start  -",
        "p50  0, 1, 2, 3, 4, 5 and 3 more",
        "ok  True",
    ]


def test_a_terminal_obeys_nothing_in_it():
    """A name that came from a file or a device is shown as it is, without control characters."""
    assert list(content({"a\x1b[31m": "b\x07"})) == ["a?[31m  b?"]
