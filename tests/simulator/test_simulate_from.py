"""`gridsentinel simulate --from`: a copy of one's own devices, and a configuration that polls it."""

import asyncio
import signal
import struct
import sys

import pytest

from gateway.cli import main
from gateway.config.loader import load

WAIT_S = 60
FILE = """\
gateway: {site: s, name: g}
uplink: {url: mqtts://broker.example, username: u, password_file: /run/credentials/x/y}
devices:
  - name: m1
    protocol: modbus
    profile: siemens/pac3200
    url: tls://10.0.0.11:802
    points: [{name: door, address: "holding:9000", limits: {high: 300, low: 100}}]
"""


async def test_it_serves_what_is_configured_and_writes_who_polls_it(tmp_path):
    """The file is complete in itself and meets no real broker; a client reads the point at rest."""
    (tmp_path / "g.yaml").write_text(FILE)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main())", "simulate", "--port", "0",
        "--from", str(tmp_path / "g.yaml"), "--output", str(tmp_path / "copy.yaml"), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(WAIT_S):
        said = await process.stderr.readuntil(b"gridsentinel run")
        config = load(tmp_path / "copy.yaml")
        port = int(config.devices[0].url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 9000, 1))
        answer = await reader.readexactly(11)
        writer.close()
        process.send_signal(signal.SIGTERM)
        await process.communicate()

    assert process.returncode == 0
    assert b"points at 1 endpoints" in said
    assert struct.unpack(">H", answer[-2:]) == (200,)
    assert config.uplink.url == "mqtt://127.0.0.1:1883"
    assert config.uplink.username is None
    assert config.devices[0].points == load(tmp_path / "g.yaml").devices[0].points


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--output", "x.yaml"), 2, "--output needs --from"),
        (("--from", "g.yaml", "demo"), 2, "scenario is for scenarios"),
        (("--from", "nowhere.yaml"), 78, "nowhere.yaml"),
    ],
)
def test_what_does_not_go_together_is_said(arguments, code, said, capsys):
    """In one sentence."""
    assert main(["simulate", *arguments]) == code
    assert said in capsys.readouterr().err
