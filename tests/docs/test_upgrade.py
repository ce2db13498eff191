"""docs/upgrade.md: a gateway that is moved goes on where it was, and an old copy of its store does not."""

import asyncio
import shutil

import pytest
import works

CONFIG = """
gateway: {{site: nairobi-west, name: gw1, state_dir: state}}
uplink: {{url: {broker}, window_s: 1}}
devices:
  - name: feeder1
    protocol: modbus
    url: tcp://{feeder1}
    points: [{{name: va, address: "holding:100", type: float32, limits: {{high: 1}}}}]
"""


@pytest.fixture
def working(mosquitto, subscribe, tmp_path):
    """Return a function: let the gateway of a folder work until it has told two more windows; their numbers."""
    heard = subscribe(mosquitto, "#")
    with works.substation(ways=("modbus",)) as places:
        (tmp_path / "old").mkdir()
        text = CONFIG.format(broker=mosquitto.url, feeder1=places["127.0.0.1:15021"])
        (tmp_path / "old/gateway.yaml").write_text(text)

        def work(name):
            before = len(heard.on("/telemetry"))
            with works.gateway(tmp_path / name / "gateway.yaml"):
                asyncio.run(heard.until(lambda heard: len(heard.on("/telemetry")) >= before + 2, works.PATIENCE_S))
            asyncio.run(heard.until(lambda heard: not heard.on("/status")[-1]["online"], works.PATIENCE_S))
            return [told["seq"] for told in heard.on("/telemetry")[before:]], heard.on("/alarm")

        yield work


def test_a_moved_gateway_goes_on(working, tmp_path):
    """Stopped, copied and started elsewhere: no number is used twice, no alarm begins anew."""
    first, _ = working("old")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    second, alarms = working("new")

    assert min(second) > max(first)
    assert [alarm["count"] for alarm in alarms] == [1]


def test_an_old_copy_gives_numbers_out_twice(working, tmp_path):
    """Why the page says that the store is no backup, and that a gateway without its state needs another name."""
    first, _ = working("old")
    shutil.copytree(tmp_path / "old", tmp_path / "copy")
    second, _ = working("old")
    third, _ = working("copy")

    assert set(second) & set(third)
    assert not set(first) & set(second)
