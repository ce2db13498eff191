"""Files that devices name: certificates and keys are checked like those of the uplink, beside their file."""

from pathlib import Path

import pytest

from gateway.config.loader import load

START = "gateway: {site: a, name: b}\nuplink: {url: mqtt://h}\n"
DEVICE = "{name: d, protocol: modbus, url: 'tls://h:802', cert_file: gw.pem, key_file: gw.key}"


@pytest.fixture
def files(said):
    """Make certificate and key, as they should be."""
    for name, mode in (("gw.pem", 0o644), ("gw.key", 0o600)):
        Path(name).write_text("secret")
        Path(name).chmod(mode)


def test_they_are_found_beside_the_configuration(said, files, tmp_path):
    """A relative name is below the folder of its file, wherever the gateway is started."""
    assert said(START + f"devices:\n  - {DEVICE}\n") == []
    folder = Path("devices")
    folder.mkdir()
    for name in ("gw.pem", "gw.key"):
        Path(name).rename(folder / name)
    (folder / "d.yaml").write_text(f"- {DEVICE}\n")
    assert said(START + "include: [devices/*.yaml]\n") == []

    [device] = load(Path("gateway.yaml")).devices
    assert device.key_file == Path("devices/gw.key")


def test_what_is_wrong_with_them_is_told(said, files):
    """A file that is not there, and a key that others may read."""
    Path("gw.pem").unlink()
    Path("gw.key").chmod(0o644)
    assert said(START + f"devices:\n  - {DEVICE}\n") == [
        "gateway.yaml:4:64: devices[0].cert_file: gw.pem: no such file (d)",
        "gateway.yaml:4:82: devices[0].key_file: gw.key: mode 0644 lets others at the secret: chmod 600 gw.key (d)",
    ]
