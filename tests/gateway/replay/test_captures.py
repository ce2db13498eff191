"""`gridsentinel replay` of captures: the same path as the daemon's tap, at the capture's own times."""

import gzip
import json
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from captured import pcap, polls, tcp

from gateway import cli
from gateway.config.model import Config, Identity, Uplink
from gateway.recording.capture_file import SILENCE_S, CaptureFile, listening, span
from gateway.recording.opened import is_capture, opened
from gateway.recording.source import BadRecording, instant, seen
from gateway.replay.taught import Lesson
from protocols.model import Batch, EventKind, Tick
from protocols.points import Points
from protocols.sighting import Sighting
from protocols.tap.config import TapDevice

SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
MASTER, METER, STRANGER = "10.0.0.5", "10.0.0.11", "10.0.0.66"
EMPTY = Config(gateway=Identity(site="s", name="g"), uplink=Uplink(url="mqtt://broker"))


@pytest.fixture
def path(tmp_path):
    """A master polls for a hundred seconds; in the last ten a stranger writes."""
    frames = [(BEGIN + n * SECOND // 4, frame) for n, frame in enumerate(polls(MASTER, METER, 200))]
    wrote = polls(STRANGER, METER, 20, port=41_000, write_at={9})
    frames += [(BEGIN + 90 * SECOND + n * SECOND // 8 + 1, frame) for n, frame in enumerate(wrote)]
    return pcap(tmp_path / "a.pcap", sorted(frames))


@pytest.fixture
def source():
    """Return how a capture is opened, as a replay without a configuration does."""
    with ExitStack() as stack:

        def source(path):
            config, tap = listening(EMPTY, path)
            points = Points.of([(device, device.points) for device in config.devices])
            found = stack.enter_context(closing(opened(path, points, tap)))
            assert isinstance(found, CaptureFile)
            return found

        yield source


def test_a_wire_that_falls_silent(source, tmp_path):
    """It is told while it lasts, as the daemon would; the end of the capture is none."""
    frame, *_ = polls(MASTER, METER, 1)
    times = [*range(70), *range(82, 90)]
    found = source(pcap(tmp_path / "b.pcap", [(BEGIN + second * SECOND, frame) for second in times]))
    told = [each for each in found.told() if isinstance(each, Sighting) and each.kind is EventKind.DROPS]

    assert [each.facts["silent_s"] for each in told] == [*range(4, 13)]


def alarms(path, *arguments, capsys):
    assert cli.main(["replay", str(path), *arguments, "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [each for each in told if "summary" not in each], told[-1]["summary"]


def test_a_capture_stands_alone(path, capsys):
    """The one who writes is named, with whom, how, and the technique; the first half taught who is usual."""
    raised, summary = alarms(path, "--learn", "50%", capsys=capsys)

    write = next(each for each in raised if each["kind"] == "unauthorised_write")
    assert (write["evidence"]["source"], write["evidence"]["target"]) == (STRANGER, METER)
    assert write["evidence"]["function"] == "6"
    assert write["technique"].startswith("T08")
    assert all(MASTER not in (each["evidence"].get("source"), each["subject"]) for each in raised)
    assert summary["notes"][-1].startswith("444 frames, 3 addresses")


def test_the_page_names_who_and_whom(path, capsys):
    """Each in the line of the alarm, with the technique."""
    assert cli.main(["replay", str(path), "--learn", "50%"]) == 0

    line = next(line for line in capsys.readouterr().out.splitlines() if "write" in line)
    assert STRANGER in line
    assert METER in line
    assert "  T08" in line


def test_what_only_teaches_raises_nothing(path, capsys):
    """A lesson as long as the capture has no alarm; by seconds as by share."""
    assert alarms(path, "--learn", "100%", capsys=capsys)[0] == []
    assert alarms(path, "--learn", "200", capsys=capsys)[0] == []
    assert alarms(path, "--learn", "0", capsys=capsys)[0] != []


def test_the_same_capture_gives_the_same(path, capsys):
    """Byte by byte, plain or gzipped."""
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))

    assert alarms(path, capsys=capsys) == alarms(packed, capsys=capsys)


def test_it_goes_by_the_configuration(path, tmp_path, capsys):
    """The tap that it has listens, on the ports it has; who may write is allowed to."""
    (tmp_path / "g.yaml").write_text(
        "gateway: {site: s, name: g}\nuplink: {url: mqtt://broker}\n"
        "devices: [{name: mirror, protocol: tap, interface: eth1, ports: {5020: modbus}}]\n"
        f"detectors: [{{detector: cyber, masters: [{MASTER}, {STRANGER}]}}]\n"
    )
    other = tmp_path / "b.pcap"
    frames = polls(STRANGER, METER, 9, server_port=5020, write_at={5})
    pcap(other, [(BEGIN + n * SECOND // 8, frame) for n, frame in enumerate(frames)])

    allowed, _ = alarms(tmp_path / "g.yaml", str(path), capsys=capsys)
    (tmp_path / "g.yaml").write_text((tmp_path / "g.yaml").read_text().replace(STRANGER, "10.0.0.67"))
    refused, _ = alarms(tmp_path / "g.yaml", str(path), capsys=capsys)
    ports, _ = alarms(tmp_path / "g.yaml", str(other), capsys=capsys)

    for found, expected in ((allowed, set()), (refused, {"mirror"}), (ports, {"mirror"})):
        assert {each["device"] for each in found if each["kind"] == "unauthorised_write"} == expected


def test_time_is_the_captures_own(source, path):
    """Batches each second, ticks between, nothing goes back, the silence at the end is noticed."""
    told = list(seen(source(path).told()))
    ticks = [each.time_ns for each in told if isinstance(each, Tick)]
    batches = [each.arrival_ns for each in told if isinstance(each, Batch)]

    assert ticks == sorted(ticks)
    assert batches == sorted(batches)
    assert len({each // SECOND for each in batches}) == len(batches) == 102
    assert min(map(instant, (each for each in told if not isinstance(each, Tick)))) >= BEGIN
    assert {each.device for each in told if isinstance(each, Sighting)} == {"capture"}


def test_a_silence_passes_second_by_second_up_to_its_bound(source, tmp_path):
    """A night without a frame costs no more than ten minutes of ticks."""
    frame = next(polls(MASTER, METER, 1))
    for silence_s, ticks in ((30, 30), (86_400, SILENCE_S)):
        path = pcap(tmp_path / "a.pcap", [(BEGIN, frame), (BEGIN + silence_s * SECOND, frame)])

        batches = [each for each in source(path).told() if isinstance(each, Batch)]
        assert ticks <= len(batches) <= ticks + 3


def test_times_that_go_back_go_on(source, tmp_path):
    """Two captures put behind one another in the wrong order: noted, and looked at all the same."""
    frames = list(polls(MASTER, METER, 20))
    times = [BEGIN + (n if n < 20 else n - 4000) * SECOND for n in range(len(frames))]
    found = source(pcap(tmp_path / "a.pcap", zip(times, frames, strict=True)))
    told = list(seen(found.told()))

    ticks = [each.time_ns for each in told if isinstance(each, Tick)]
    assert ticks == sorted(ticks)
    assert ticks[-1] - ticks[0] < 60 * SECOND
    assert found.notes[0] == "times go back by 3999 s: they go on from there"
    assert [each for each in told if isinstance(each, Sighting) and each.kind is EventKind.MALFORMED] == []


def test_a_capture_that_is_cut_is_told_to_its_end(path, capsys):
    """The note says after which frame."""
    path.write_bytes(path.read_bytes()[:-5])

    assert alarms(path, capsys=capsys)[1]["notes"][-1].startswith("broken after frame 443: the file ends")


def test_what_cannot_stand_alone(path, tmp_path, capsys):
    """A table needs its configuration; a capture without a frame has no length to learn a share of."""
    table = tmp_path / "r.csv"
    table.write_text("time,a\n1,2\n")
    empty = pcap(tmp_path / "e.pcap", [])

    assert cli.main(["replay", str(table)]) == 1
    assert "only a capture may stand alone" in capsys.readouterr().err
    assert cli.main(["replay", str(empty), "--learn", "30%"]) == 1
    assert "has no frame" in capsys.readouterr().err
    assert cli.main(["replay", str(empty)]) == 0
    assert not is_capture(table)
    assert not is_capture(tmp_path)
    assert span(path) == (BEGIN, BEGIN + 401 * SECOND // 4)


@pytest.mark.parametrize("text", ["", "x", "-1", "101%", "nan", "30 %x"])
def test_parts_that_are_none(text, capsys):
    """Said with what is allowed."""
    with pytest.raises(SystemExit):
        cli.main(["replay", "a.pcap", "--learn", text])
    assert "30%" in capsys.readouterr().err


def test_a_share_is_of_captures(tmp_path):
    """Nobody knows how long a table is before it is read."""
    with pytest.raises(BadRecording, match="say seconds"):
        Lesson(share=0.3).length_ns(tmp_path / "a.csv")


def test_the_name_of_the_added_tap_is_free():
    """A device may be called `capture` already."""
    taken = TapDevice(name="capture", protocol="tap", interface="eth1")
    _, tap = listening(EMPTY, Path("a.pcap"))

    assert tap.name == "capture"
    assert listening(Config(**{**vars_of(EMPTY), "devices": (taken,)}), Path("a.pcap"))[1] is taken


def vars_of(config):
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def test_noise_behind_a_magic_is_no_fault(tmp_path, capsys):
    """Frames of nonsense are counted, and nothing fails."""
    noise = [(BEGIN + n, bytes([n % 256]) * (n % 90)) for n in range(300)]
    noise += [(BEGIN + 300, tcp(MASTER, METER, (1, 502))[:30])]

    assert "frames that cannot be" in alarms(pcap(tmp_path / "n.pcap", noise), capsys=capsys)[1]["notes"][0]


def test_options_stand_anywhere(path, tmp_path, capsys):
    """Before, between and behind the names of the files."""
    rules = tmp_path / "gateway.yaml"
    rules.write_text("gateway: {site: s, name: g}\nuplink: {url: mqtt://broker}\ndevices: []\ndetectors: []\n")
    files = [str(rules), str(path)]
    told = []
    for words in (["--json", *files], [files[0], "--json", files[1]], [*files, "--json"]):
        assert cli.main(["replay", *words]) == 0
        told.append(capsys.readouterr().out)

    assert told[0] == told[1] == told[2] != ""
