"""What a configuration takes, and what is refused, with by how much."""

import json
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config.loader import load
from gateway.planning.lines import built, lines
from gateway.planning.messages import published, windows
from gateway.planning.plan import cpu, plan
from gateway.store.limits import Limits
from protocols.points import Points

README = Path(__file__).resolve().parents[3] / "README.md"


@pytest.fixture
def config(tmp_path):
    """Load a configuration of these devices; sections are added to it."""

    def config(*devices, **sections):
        file = tmp_path / "gateway.yaml"
        file.write_text(json.dumps({
            "gateway": {"site": "s", "name": "g"}, "uplink": {"url": "mqtt://h"}, "devices": devices, **sections
        }))  # fmt: skip
        return load(file)

    return config


def meter(name="m1", points=10, *, url="rtu:///dev/ttyS0?baud=9600", step=1, **keys):
    listed = [{"name": f"p{n}", "address": f"holding:{n * step}"} for n in range(points)]
    return {"name": name, "protocol": "modbus", "url": url, "points": listed, **keys}


def test_sections_take_memory(config, tmp_path):
    """At worst the trends of the page, and a block that is filled with two that wait for the disk."""
    token = tmp_path / "token"
    token.write_text("x" * 32)
    token.chmod(0o600)
    page = {"trend_bytes": 64 * 2**20, "users": [{"name": "anna", "token_file": str(token)}]}
    without = plan(config(meter())).memory
    paged, recorded = plan(config(meter(), page=page)).memory, plan(config(meter(), recorder={})).memory

    assert _full(paged) == _full(without) + 64 * 2**20
    assert _full(recorded) == _full(without) + 3 * 60 * 11 * 10


def _full(memory):
    """Return what full buffers take."""
    return memory.worst - memory.usual - memory.reload


def test_a_reload_makes_everything_a_second_time(config):
    """It takes what the points take, but for the ring of evidence, and not the program."""
    small, large = (plan(config(meter(points=points, url="tcp://h"))).memory for points in (10, 1000))
    more = large.usual - small.usual

    assert more / 2 < large.reload - small.reload < more
    assert large.reload < large.usual / 4


def line(config):
    (found,) = lines(config, built(config, Points.of([(each, each.points) for each in config.devices])))
    return found


def test_a_serial_line_by_hand(config):
    """9600 baud, even parity: 11 bits a character. 8 + 25 characters and 3.5 of silence, once a second."""
    found = line(config(meter()))

    assert found.least == pytest.approx((8 + 25 + 3.5) * 11 / 9600)
    assert found.busy == pytest.approx(found.least + 0.01)
    assert (found.requests_per_s, found.bytes_per_s) == (1, 33)


def test_units_of_a_line_add_up(config):
    """Two meters behind one url are one line; each scan class has its own rate; pauses count."""
    one, two = meter("a", unit=1), meter("b", unit=2, every_s=0.5, pause_ms=100)
    found = line(config(one, two))

    assert found.devices == ("a", "b")
    assert found.requests_per_s == 3
    assert found.least == pytest.approx((33 + 3.5) * 11 / 9600 + 2 * (33 * 11 / 9600 + 0.1))


def test_the_requests_are_those_of_the_planner(config):
    """Points that lie apart take a request each, and a header of eight octets each way."""
    found = line(config(meter(points=10, step=100, url="tcp://h")))

    assert found.requests_per_s == 10
    assert found.bytes_per_s == 10 * (12 + 11)
    assert found.least == 0


def test_dnp3_on_a_line(config):
    """Event polls of 24 octets and empty answers of 17; the integrity poll by its objects, in frames with checks."""
    points = [{"name": f"a{n}", "address": f"analog:{n}"} for n in range(100)]
    device = {"name": "o", "protocol": "dnp3", "url": "serial:///dev/ttyS0?baud=9600", "points": points}
    found = line(config({**device, "events_every_s": 1, "integrity_every_s": 100}))
    integrity = 27 + 512 + 3 * 11 + 2 * (16 + 16 + 2)

    assert found.least == pytest.approx((24 + 17) * 10 / 9600 + integrity * 10 / 9600 / 100, rel=0.02)


def test_what_a_line_cannot_carry(config, tmp_path, capsys):
    """It is refused, and said by how much; what makes it fit makes it well."""
    full = plan(config(*(meter(f"m{n}", 100, unit=n + 1, every_s=0.5) for n in range(4))))
    code = main(["plan", str(tmp_path / "gateway.yaml")])
    said = capsys.readouterr()
    least = 4 * 2 * (8 + 205 + 3.5) * 11 / 9600

    assert full.lines[0].least == pytest.approx(least)
    assert (code, said.err) == (
        1,
        (
            f"does not fit: rtu:///dev/ttyS0?baud=9600 is asked for {least:.0%} of what it carries: "
            f"every_s {least:.2g} times as long, fewer points or a faster line would do\n"
        ),
    )
    assert plan(config(*(meter(f"m{n}", 100, unit=n + 1, every_s=0.5 * least) for n in range(4)))).refusals == ()
    assert main(["plan", str(tmp_path / "gateway.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lines"][0]["least"] == pytest.approx(1)


def test_memory_that_is_not_there(config, tmp_path, capsys):
    """The queue of large batches may take more than the unit allows."""
    large = config(meter(points=2000, url="tcp://h"), poll={"queue_batches": 10_000})
    found = plan(large)
    (said,) = found.refusals

    assert found.memory.worst - found.memory.usual > 10_000 * 2000 * 22
    assert said.startswith(f"memory: {found.memory.worst / 1e6:.0f} MB at worst is ")
    assert main(["plan", str(tmp_path / "gateway.yaml"), "--memory-mib", "2000"]) == 0
    assert " of 2097 MB" in capsys.readouterr().out


def test_the_disk(config):
    """What the store takes for telemetry, divided by a day of it: twice the window, twice the days."""
    short, long = (plan(config(meter(), uplink={"url": "mqtt://h", "window_s": window})) for window in (10, 20))

    assert short.disk_days * short.disk_bytes_per_day == pytest.approx(Limits.of(config(meter()).store).other_bytes)
    assert 1.9 < long.disk_days / short.disk_days < 2.1


def test_a_device_that_is_read_seldom(config):
    """It has a window for each reading only; one that tells changes by itself has all of them."""
    often, seldom = (plan(config(meter(every_s=every_s))).disk_bytes_per_day for every_s in (10, 60))
    points = [{"name": f"p{n}", "address": f"ns=2;i={n}"} for n in range(10)]
    told = plan(config({"name": "m1", "protocol": "opcua", "url": "opc.tcp://h", "every_s": 60, "points": points}))

    assert seldom == pytest.approx(often / 6, rel=0.1)
    assert told.disk_bytes_per_day > 5 * seldom


@pytest.mark.parametrize("form", ["json", "sparkplug_b"])
def test_the_uplink(config, form):
    """A window of more points takes more; a status is there too."""
    small, large = (windows(config(meter(points=n), uplink={"url": "mqtt://h", "format": form}))[0] for n in (10, 100))

    assert 5 < large.wire_bytes / small.wire_bytes < 11
    assert plan(config(meter())).wire_bytes_per_day > 8640 * small.wire_bytes * (form == "json")


def test_a_packet_by_hand():
    """Fixed header, topic, packet number, no properties, and the acknowledgement."""
    assert published("a/b", 10) == 2 + 2 + 3 + 2 + 1 + 10 + 4
    assert published("a/b", 10, qos=0) == 2 + 2 + 3 + 1 + 10
    assert published("a/b", 200) - published("a/b", 100) == 101


SIZES = [
    (1, 1, 1000),
    (3, 10, 1000),
    *(pytest.param(*size, marks=pytest.mark.slow) for size in ((2, 5, 1000), (4, 10, 5000))),
]


@pytest.mark.parametrize(("column", "devices", "points"), SIZES)
def test_the_processor(config, column, devices, points):
    """Within a quarter of what was measured for the README, of which the figures are read here."""
    line = next(line for line in README.read_text().splitlines() if line.startswith("| CPU, % of one core"))
    measured = float(line.split("|")[column + 1]) / 100
    made = config(*(meter(f"d{n}", points, url=f"tcp://h{n}") for n in range(devices)))
    drivers = built(made, Points.of([(each, each.points) for each in made.devices]))

    assert cpu(made, tuple(lines(made, drivers)), windows(made)) == pytest.approx(measured, rel=0.25)


def test_more_takes_more_of_the_processor(config):
    """At rest about a hundredth of a core, with ten times the requests more."""
    little, much = (plan(config(meter(points=100, step=100, url="tcp://h", every_s=every))).cpu for every in (1, 0.1))

    assert 0.01 < little < much < 1


def test_a_file_with_faults(tmp_path, capsys):
    """They are named, and nothing is planned."""
    (tmp_path / "bad.yaml").write_text("gateway: {}\n")

    assert main(["plan", str(tmp_path / "bad.yaml")]) == 78
    assert "site" in capsys.readouterr().err
