"""What comes out of a configuration file that is well."""

import sys
from pathlib import Path

import pytest
import yaml

from gateway.config import reader
from gateway.config.loader import load

CASES = Path(__file__).parent / "cases"


def test_values_are_what_was_written():
    """Merged keys, aliases and includes end up in one object, defaults filled in."""
    config = load(CASES / "well_merge_keys_and_anchors" / "gateway.yaml")

    assert [(device.name, device.unit) for device in config.devices] == [("feeder1", 1), ("feeder2", 2)]
    assert [point.limits.high for point in config.devices[1].points] == [253.0, 260.0]
    assert config.store.max_bytes == 256 * 1024 * 1024


def test_included_devices_and_detectors_follow_the_main_file():
    """Devices and detectors stand in the order of the main file, then of the included files by name."""
    config = load(CASES / "well_included_files" / "gateway.yaml")

    assert [device.name for device in config.devices] == ["feeder2"]
    assert [detector.detector for detector in config.detectors] == ["stuck", "rate"]


def test_files_are_relative_to_the_configuration(tmp_path):
    """A relative directory means the same wherever the command is started."""
    path = tmp_path / "gateway.yaml"
    path.write_text("gateway: {site: a, name: b, state_dir: state}\nuplink: {url: mqtt://h}\n")

    assert load(path).gateway.state_dir == tmp_path / "state"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, -2, +3, 010, 0x1F, 0o17]", [1, -2, 3, 10, 31, 15]),
        ("[1.5, -.5, 1., 1e3, -1E-3]", [1.5, -0.5, 1.0, 1000.0, -0.001]),
        ("[.inf, -.inf]", [float("inf"), float("-inf")]),
        ("[true, False, null, ~, ]", [True, False, None, None]),
        ("[yes, no, on, off, y, 2026-11-20, 1_000, 12:30:45, 0b1, '5', \"true\"]",
         ["yes", "no", "on", "off", "y", "2026-11-20", "1_000", "12:30:45", "0b1", "5", "true"]),
        ("[1.2.3.4, +, '-x', -., 1e, 0x]", ["1.2.3.4", "+", "-x", "-.", "1e", "0x"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("loader", [yaml.SafeLoader, reader.LOADER])
def test_words_mean_what_yaml_1_2_says(monkeypatch, text, expected, loader):
    """No word but true, false and null is anything but a text or a number, with libyaml and without."""
    monkeypatch.setattr(reader, "LOADER", loader)

    assert reader.read("f", text.encode()).data == expected


def test_a_byte_order_mark_is_no_fault():
    """Editors on Windows write one."""
    assert reader.read("f", b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


def test_words_that_come_again_are_kept_once():
    """10,000 points repeat the same few words; each is in memory once."""
    first, second = reader.read("f", b"[voltage, voltage]").data

    assert first is second
    assert first is sys.intern("voltage")
