"""A file cannot take the memory or the time of the gateway, whatever stands in it."""

import pytest

from gateway.config import ConfigError, fault
from gateway.config.loader import load

HEAD = "gateway: {site: a, name: b}\nuplink: {url: mqtt://h}\n"


def test_a_file_of_10_mib_is_refused(said):
    """A file over 8 MiB is not parsed at all, and the message says both sizes."""
    assert said("#" * 10_485_760) == ["gateway.yaml:1:1: file: file of 10485760 bytes is over 8388608"]


def test_billion_laughs_are_refused(said):
    """Aliases that multiply are counted before they are written out."""
    first = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    more = "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 10)}]\n" for n in range(9))

    assert said(first + more) == ["gateway.yaml:7:10: b5[0]: more than 2000000 values once all aliases are written out"]


def test_a_long_text_cannot_be_multiplied(said):
    """A text counts by its length, so a few aliases of a long one are too many."""
    text = f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 1000)}]\n"

    assert said(text) == ["gateway.yaml:2:509: b[126]: more than 2000000 values once all aliases are written out"]


def test_nesting_is_bounded(said):
    """The 33rd level is refused where it begins, however many follow."""
    [line] = said("a: " + "[" * 100_000)

    assert line == "gateway.yaml:1:35: a" + "[0]" * 31 + ": nesting of 33 levels is over 32"


def test_nesting_by_aliases_is_bounded(said):
    """An alias counts with the height of what it stands for."""
    text = "a: &a " + "[" * 20 + "]" * 20 + "\nb: " + "[" * 20 + "*a" + "]" * 20 + "\n"

    assert said(text) == ["gateway.yaml:2:24: b" + "[0]" * 20 + ": nesting of 41 levels is over 32"]


def test_too_many_points_are_one_fault(said):
    """A gateway has at most 200,000 points; beyond it they are counted, not checked one by one."""
    text = (
        HEAD + "devices:\n- {name: a, points: [" + "1," * 150_000 + "]}\n- {name: b, points: [" + "1," * 50_001 + "]}\n"
    )

    assert said(text) == ["gateway.yaml:5:3: devices[1]: 200001 points in all devices are over 200000"]


def test_a_fault_in_every_point_is_bounded(said, monkeypatch):
    """No more faults are worded than anybody reads, and the last line says that there are more."""
    monkeypatch.setattr(fault, "MAX_FAULTS", 3)

    assert said(HEAD + "devices: [1, 2, 3, 4, 5]\n") == [
        *(
            f"gateway.yaml:3:{11 + 3 * n}: devices[{n}]: {n + 1} is a number; a mapping of keys is allowed"
            for n in (0, 1, 2)
        ),
        "gateway.yaml:1:1: file: more than 3 faults; the others are not listed",
    ]


def test_a_missing_file_and_a_folder(tmp_path):
    """What cannot be read is a fault like any other, with the name of the file."""
    missing, folder, nul = tmp_path / "no.yaml", tmp_path, tmp_path / "a\0b"

    for path, text in (
        (missing, "no such file"),
        (folder, "this is a directory; a file is allowed"),
        (nul, "this is no name of a file"),
    ):
        with pytest.raises(ConfigError) as raised:
            load(path)
        assert [one.text for one in raised.value.faults] == [text]
        assert raised.value.faults[0].line == 1


def test_a_fault_is_one_line_of_bounded_length(said):
    """A value of a megabyte is quoted by its beginning only."""
    [line] = said(HEAD.replace("mqtt://h", "x" * 1_000_000))

    assert len(line) < 1100
    assert line.isprintable()
