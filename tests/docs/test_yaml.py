"""Every YAML block of the pages is a configuration, or the part of one, or a scenario, that loads."""

import re
from pathlib import Path

from gateway.config.loader import load
from simulator.scenario import parse

NEEDED = {"gateway": "gateway: {site: a, name: b}\n", "uplink": "uplink: {url: mqtt://broker.example}\n"}
A_FILE = re.compile(r"^ *\w+_file: (?!/run/)(\S+)", re.MULTILINE)


def test_it_loads(yaml_block, tmp_path: Path, monkeypatch):
    """What is missing to a whole is added; files that it names are there, readable by their owner only."""
    if re.search(r"^steps:", yaml_block.text, re.MULTILINE):
        assert parse(yaml_block.text, str(yaml_block)).steps
        return
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    missing = [text for key, text in NEEDED.items() if not re.search(rf"^{key}:", yaml_block.text, re.MULTILINE)]
    for name in A_FILE.findall(yaml_block.text):
        assert not name.startswith("/"), f"{name} would be looked for on this machine"
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text("x" * 32)
    path = tmp_path / "gateway.yaml"
    path.write_text("".join(missing) + yaml_block.text)

    assert load(path)
