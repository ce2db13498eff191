"""Evidence is named with the alarm, kept some seconds later, and costs nobody anything when it cannot be."""

import asyncio
import json
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from threading import Event

import numpy as np
import pytest
from structlog.testing import capture_logs
from waiting import at_once

from detectors.model import Finding, Severity
from gateway.config.model import EvidenceBudget
from gateway.core.alarms import Alarms
from gateway.core.messages import Unsaid
from gateway.evidence import witness as module
from gateway.evidence.exhibit import ALARMS_MAX
from gateway.evidence.names import EXHIBIT
from gateway.evidence.witness import BURST, Witness
from protocols.model import Batch
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points
from protocols.tap.capture.blocks import Blocks
from protocols.tap.memory import Memory

NS = 1_000_000_000
START_NS = 1_795_176_000 * NS
POINTS = replace(Points.of([(DeviceConfig(name="d"), [PointConfig(name="p")])]), hosts=("10.0.0.11",))
FRAME = bytes(26) + bytes([10, 0, 0, 9, 10, 0, 0, 11]) + bytes(26)


class Station:
    """A witness with a clock that is set, one tap, and alarms that are raised by hand."""

    def __init__(self, folder, *, taps=1, **budget):
        self.now_ns, self.entered, self.folder = START_NS, [], folder
        self.alarms = Alarms(POINTS)
        self.witness = Witness(
            folder, POINTS, EvidenceBudget(**{"after_s": 0.1, **budget}), alarms=self.alarms, audit=self,
            clock=lambda: self.now_ns,
        )  # fmt: skip
        self.taps = [Memory(10**6) for _ in range(taps)]
        self.witness.taps += self.taps
        self.running = asyncio.create_task(self.witness.run())

    def note(self, what, who, **detail):
        self.entered.append((what, who, detail))

    def raised(self, kind="unauthorised_write", severity="critical", detector="cyber", subject="", **more):
        evidence = more.pop("evidence", {"source": "10.0.0.9"})
        told = {"subject": subject, "evidence": evidence, **more}
        finding = Finding(detector, kind, "d", Severity(severity), self.now_ns, "it happens", **told)
        return self.witness.told(self.alarms.observe(finding))

    def name(self, *given, **more):
        return self.raised(*given, **more)[0].evidence.get("files")

    def read(self, value, at_ns=None):
        now_ns = self.now_ns if at_ns is None else at_ns
        self.witness.observe(
            Batch(np.zeros(1, np.int32), np.array([value]), np.zeros(1, np.uint16), np.array([now_ns]), now_ns)
        )

    async def kept(self, count=1):
        async with asyncio.timeout(20):
            while self.witness.kept + self.witness.lost < count:  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.005)

    def file(self, name, suffix):
        return self.folder / f"{name}.{suffix}"


@pytest.fixture
async def station(tmp_path):
    made = []

    def make(**given):
        made.append(Station(tmp_path / "evidence", **given))
        return made[-1]

    yield make
    for each in made:
        each.running.cancel()
        await asyncio.gather(each.running, return_exceptions=True)
        await each.witness.close()


async def test_from_the_alarm_to_the_files(station):
    """Named before they are there; then frames and readings of before and after, and their hashes in the audit log."""
    here = station()
    here.read(1.0)
    here.taps[0].keep(FRAME, here.now_ns, 7)
    here.now_ns += 2 * NS
    name = here.name()
    assert EXHIBIT.fullmatch(name)
    assert not here.folder.exists()
    here.read(2.0, here.now_ns - 1)
    here.taps[0].keep(FRAME, here.now_ns + 1)
    await here.kept()

    told = json.loads(here.file(name, "json").read_bytes())
    assert [told[key] for key in ("id", "frames", "readings")] == [name, 2, 2]
    assert [alarm["id"] for alarm in told["alarms"]] == ["d/unauthorised_write"]
    rows = here.file(name, "csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["value", "1.0", "2.0"]
    frames = BytesIO(here.file(name, "pcapng").read_bytes())
    frames.read(4)
    assert [(at, data[-48:]) for _, at, data, _ in Blocks(frames).records()] == [
        (START_NS, FRAME[-48:]), (START_NS + 2 * NS + 1, FRAME[-48:])
    ]  # fmt: skip
    hashes = {suffix: sha256(here.file(name, suffix).read_bytes()).hexdigest() for suffix in ("csv", "pcapng", "json")}
    assert here.entered == [("evidence", "gateway", {"id": name, "alarm": "d/unauthorised_write", **hashes})]
    assert told["files"][f"{name}.csv"]["sha256"] == hashes["csv"]


async def test_without_a_tap(station):
    """There are the readings alone."""
    here = station(taps=0)
    name = here.name(kind="low", detector="limits")
    await here.kept()

    assert sorted(path.suffix for path in here.folder.iterdir()) == [".csv", ".json"]
    assert name in {path.stem for path in here.folder.iterdir()}


@pytest.mark.parametrize(
    ("detector", "severity", "wanted"),
    [("cyber", "info", False), ("cyber", "warning", True), ("limits", "warning", False), ("limits", "emergency", True)],
)
async def test_which_alarms_are_worth_it(station, detector, severity, wanted):
    """Those of cyber checks sooner than others, as the configuration says."""
    assert bool(station().name(detector=detector, severity=severity)) is wanted


async def test_a_flood_shares_one(station):
    """All alarms that come while it is open have its name; of very many the first are listed."""
    here = station()
    names = {here.name(subject=f"s{n}") for n in range(ALARMS_MAX + 10)}
    await here.kept()
    (name,) = names
    told = json.loads(here.file(name, "json").read_bytes())

    assert (len(told["alarms"]), told["alarms_more"]) == (ALARMS_MAX, 10)
    assert here.witness.kept == 1


async def test_the_name_stays_while_the_alarm_does(station):
    """When it gets worse, when its evidence is another, and when it is over; a new life has a new name."""
    here = station()
    name = here.name(severity="warning")
    await here.kept()
    here.now_ns += NS
    assert here.name(severity="critical", evidence={"source": "10.0.0.10"}) == name
    assert here.alarms.get("d/unauthorised_write").evidence == {"source": "10.0.0.10", "files": name}
    assert here.raised(active=False)[0].evidence["files"] == name
    here.now_ns += NS
    again = here.name()

    assert again not in (None, name)


async def test_an_alarm_from_before_a_restart(station):
    """It keeps the name that it was told with, and nothing is written for it again."""
    here = station()
    (alarm,) = here.raised()
    there = station()
    there.alarms.restore([alarm])

    assert there.witness.told([alarm]) == [alarm]
    assert there.name(severity="emergency") == alarm.evidence["files"]
    assert there.witness._open is None


async def test_what_is_not_told_has_none(station):
    """What is only kept, suppressed or shelved is not evidence; other messages pass."""
    here = station()
    (alarm,) = here.alarms.observe(Finding("cyber", "k", "d", Severity.CRITICAL, START_NS, "t"))
    shelved = here.alarms.shelve(alarm.id, until_ns=START_NS + NS, by="anna", now_ns=START_NS)

    assert here.witness.told([Unsaid(alarm), shelved]) == [Unsaid(alarm), shelved]


async def test_two_states_in_one_breath(station):
    """An alarm that came and went at once: its name is in both, and it is over."""
    here = station()
    found = Finding("cyber", "k", "d", Severity.CRITICAL, START_NS, "t")
    messages = [*here.alarms.observe(found), *here.alarms.observe(replace(found, active=False))]
    came, went = here.witness.told(messages)

    assert EXHIBIT.fullmatch(came.evidence["files"])
    assert (went.active, here.alarms.get("d/k").active) == (False, False)


async def test_too_many_in_a_row(station, monkeypatch):
    """Only so many are made; the others have no name, and are counted."""
    monkeypatch.setattr(module, "EACH_S", 10**6)
    here = station()
    names = []
    for n in range(BURST + 3):
        names.append(here.name(subject=f"s{n}"))
        if names[-1]:
            await here.kept(n + 1)
        here.now_ns += NS

    assert [bool(name) for name in names] == [True] * BURST + [False] * 3
    assert here.witness.skipped == 3


async def test_a_disk_that_refuses(station, monkeypatch):
    """One line while it does and one when it does no more; alarms go on being named and told."""
    here = station()
    refused = [OSError(28, "No space left on device")] * 2

    def write(path, content):
        if refused:
            raise refused.pop()
        path.write_bytes(content)

    monkeypatch.setattr("gateway.evidence.shelf.replace_whole", write)
    with capture_logs() as logs:
        for n in range(3):
            assert here.name(subject=f"s{n}")
            await here.kept(n + 1)
            here.now_ns += NS

    assert [line["event"] for line in logs] == ["evidence_fault", "evidence_recovered"]
    assert (here.witness.lost, here.witness.kept, len(here.entered)) == (2, 1, 1)


async def test_a_disk_that_hangs(station, monkeypatch):
    """One is being written and one waits; alarms after that have none, and a stop is not held up."""
    here, hung = station(), Event()
    monkeypatch.setattr(here.witness.shelf, "keep", lambda _: hung.wait())
    names = [here.name(subject="s0")]
    async with asyncio.timeout(20):
        while here.witness._open is not None:  # noqa: ASYNC110 - a state has no event
            await asyncio.sleep(0.005)
    for n in (1, 2):
        here.now_ns += NS
        names.append(here.name(subject=f"s{n}"))
    async with at_once(2):
        here.running.cancel()
        await here.witness.close()
    hung.set()

    assert [bool(name) for name in names] == [True, True, False]
    assert here.witness.lost == 1


async def test_a_stop_writes_what_is_open(station):
    """As far as it has come: a stop in the seconds after an alarm costs those seconds."""
    here = station(after_s=60)
    name = here.name()
    await asyncio.sleep(0)
    here.running.cancel()
    await here.witness.close()

    assert json.loads(here.file(name, "json").read_bytes())["id"] == name
    assert len(here.entered) == 1


async def test_a_stop_while_it_is_written(station, monkeypatch):
    """It is entered all the same."""
    here, hold = station(), Event()
    keep = here.witness.shelf.keep
    monkeypatch.setattr(here.witness.shelf, "keep", lambda files: (hold.wait(), keep(files)))
    here.name()
    async with asyncio.timeout(20):
        while not here.witness._writing:  # noqa: ASYNC110 - a state has no event
            await asyncio.sleep(0.005)
    here.running.cancel()
    asyncio.get_running_loop().call_later(0.05, hold.set)
    await here.witness.close()

    assert [what for what, *_ in here.entered] == ["evidence"]


async def test_a_text_that_is_none(station):
    """Whatever an alarm says: half a letter in it costs no evidence."""
    here = station()
    finding = Finding("cyber", "k", "d", Severity.CRITICAL, here.now_ns, "half \ud800", evidence={"files": "a.bin"})
    (alarm,) = here.witness.told(here.alarms.observe(finding))
    await here.kept()

    assert here.file(alarm.evidence["files"], "pcapng").exists()


async def test_the_device_is_a_party(station):
    """Of an alarm that names no address the frames of its device come first."""
    here = station(max_bytes=1024 * 1024)
    for n in range(3000):
        here.taps[0].keep(bytes(26) + bytes([10, 0, 0, 11 if n < 30 else 1]) + bytes(170), START_NS + n)
    name = here.name(detector="limits", evidence={})
    await here.kept()

    assert here.file(name, "pcapng").read_bytes().count(bytes([10, 0, 0, 11])) == 30


async def test_it_keeps_to_its_budget(station):
    """Megabytes of frames and readings around one alarm: a quarter of it at most, the hosts concerned first."""
    here = station(max_bytes=1024 * 1024)
    for n in range(3000):
        here.taps[0].keep(bytes(26) + bytes([10, 0, 0, 9 if n % 100 == 0 else 1]) + bytes(170), START_NS + n)
        here.read(float(n))
    name = here.name()
    await here.kept()
    told = json.loads(here.file(name, "json").read_bytes())
    frames = here.file(name, "pcapng").read_bytes()

    assert sum(path.stat().st_size for path in here.folder.iterdir()) <= 1024 * 1024 // 4 + 4096
    assert told["frames"] + told["frames_left_out"] == 3000
    assert frames.count(bytes([10, 0, 0, 9])) == 30
