"""`gridsentinel replay`: what would have been raised, the same every time, however it is interrupted."""

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from trained import NAMES, lesson, rows, write

from detectors.config import build
from gateway import cli
from gateway.cli.progress import Progress
from gateway.config.loader import load
from gateway.config.model import StoreBudget
from gateway.core.messages import Alarm, AlarmState
from gateway.core.pipeline import Pipeline
from gateway.core.state import marks, pack, unpack
from gateway.replay import page
from gateway.replay.run import Replay
from gateway.replay.story import RAISED_MAX, Story
from gateway.store.packing import to_record
from gateway.store.store import Store
from protocols.model import Tick

CONFIG = """\
gateway: {{site: s, name: g}}
uplink: {{url: mqtt://broker}}
devices:
  - name: f1
    protocol: modbus
    url: tcp://10.0.0.1:502
    points:
{points}detectors:
{detectors}
"""
MODEL = "  - {detector: tflite, model_file: feeder.tflite, on_delay_s: 3, off_delay_s: 3}"
BEGIN_S = 1_767_225_600


def config(path, *, high=200.0, detectors=MODEL):
    limits = f", limits: {{high: {high}}}"
    lines = [
        f"      - {{name: {name}, unit: A, address: 'input:{2 * k}', type: float32{limits if name == 'ia' else ''}}}\n"
        for k, name in enumerate(NAMES)
    ]
    path.write_text(CONFIG.format(points="".join(lines), detectors=detectors or "  []"))
    return path


@pytest.fixture(scope="module")
def learned():
    return lesson()


def filled(folder, learned):
    """Write a configuration with a limit and a model; ten minutes, in which a sensor reads too much for a while."""
    write(folder, learned)
    config(folder / "g.yaml")
    values = rows()[3000:3600]
    values[100:160, 4] *= 1.2
    lines = [",".join(map(str, (BEGIN_S + at, *row))) for at, row in enumerate(values.tolist())]
    (folder / "r.csv").write_text("\n".join([",".join(("time", *NAMES)), *lines]) + "\n")
    return folder


@pytest.fixture
def folder(tmp_path, learned):
    return filled(tmp_path, learned)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, learned):
    """A run without a stop: its configuration, what it saw, and the alarms that it told."""
    folder = filled(tmp_path_factory.mktemp("whole"), learned)
    loaded = load(config(folder / "g.yaml", high=125.0))
    run = Replay(loaded, folder / "r.csv")
    seen = list(run.input())
    run.close()
    alarms = [each for one in seen for each in run.pipeline.observe(one) if isinstance(each, Alarm)]
    return loaded, run.points, seen, alarms


def replay(folder, *more):
    return cli.main(["replay", str(folder / "g.yaml"), str(folder / "r.csv"), *map(str, more)])


def test_page(folder, capsys):
    """Each alarm in order with how long it lasted, then each once, the verdict, and what was looked at."""
    assert replay(folder) == 0

    lines = capsys.readouterr().out.splitlines()
    [first] = [line for line in lines if "do not fit together" in line]
    assert first.startswith("2026-01-01 00:01:43  warning    feeder: 8 points do not fit together, ")
    assert first.endswith("(60 s)")
    assert any(line.split()[:4] == ["1", "60", "s", "warning"] for line in lines)
    assert "4800 readings at 600 moments, 2026-01-01 00:00:00 to 2026-01-01 00:09:59 UTC" in lines
    assert lines[-2] == "1 alarm of 1 kinds and places"


def test_twice_the_same_bytes(folder, capsys):
    """The same recording gives the same output, byte by byte."""
    config(folder / "g.yaml", high=125.0)
    said = []
    for _ in range(2):
        assert replay(folder, "--json") == 0
        said.append(capsys.readouterr().out)

    assert said[0] == said[1]
    told = [json.loads(line) for line in said[0].splitlines()]
    assert {each["detector"] for each in told[:-1]} == {"limits", "tflite"}
    assert told[-1]["summary"]["readings"] == 4800
    assert told[-1]["summary"]["alarms"] == sum(told[-1]["summary"]["groups"].values())


@pytest.mark.parametrize("cut", [1, 101, 103, 140, 161, 163, 165, 400])
def test_a_restart_in_the_middle_changes_nothing(whole, cut):
    """States and alarms of a stop, through the bytes of the state file, and the messages are those of one run."""
    loaded, points, seen, alarms = whole
    before, after = (Pipeline(points, build(loaded.detectors, points), 10.0) for _ in range(2))
    at = (
        next(k for k, each in enumerate(seen) if isinstance(each, Tick) and each.time_ns == (BEGIN_S + cut) * 10**9) + 1
    )

    said = [each for one in seen[:at] for each in before.observe(one)]
    kept = io.BytesIO(b"".join(pack(marks(points), before.states())))
    assert after.restore(unpack(marks(points), kept)[0]) == []
    assert after.resume(before.alarms, seen[at - 1].time_ns) == []
    said += [each for one in seen[at:] for each in after.observe(one)]

    assert [each for each in said if isinstance(each, Alarm)] == alarms
    assert len(alarms) > 2


def test_against_other_rules(folder, capsys):
    """Three alarms instead of so many: the same recording under two configurations."""
    config(folder / "noisy.yaml", high=100.0)

    assert replay(folder, "--against", folder / "noisy.yaml") == 0

    verdict = capsys.readouterr().out.splitlines()[-2]
    assert f" ({folder / 'noisy.yaml'})" in verdict
    fewer, more = int(verdict.split()[0]), int(verdict.split(" instead of ")[1].split()[0])
    assert fewer < more


async def test_compare_with_what_the_gateway_had_raised(folder, capsys):
    """A store carries the alarms of its time; with other rules, fewer."""
    config(folder / "old.yaml", high=100.0, detectors="")
    old = Replay(load(folder / "old.yaml"), folder / "r.csv")
    store = await Store.open(folder / "state", StoreBudget())
    raised = 0
    for message in [*old.messages(), *old.pipeline.flush((BEGIN_S + 600) * 10**9)]:
        store.append([to_record(message)])
        raised += isinstance(message, Alarm) and message.active
    old.close()
    await store.flush()

    assert cli.main(["replay", str(folder / "g.yaml"), str(folder / "state"), "--compare"]) == 0
    await store.close()

    assert f" instead of {raised} (in the recording)" in capsys.readouterr().out


def test_compare_needs_alarms(folder, capsys):
    """A table carries none, and the message says what can be done."""
    assert replay(folder, "--compare") == 1

    assert "carries no alarms; --against OTHER.yaml" in capsys.readouterr().err


def test_from_and_to(folder, capsys):
    """A part of it is a recording of its own."""
    assert replay(folder, "--from", "2026-01-01T00:05:00Z", "--to", str(BEGIN_S + 360)) == 0

    out = capsys.readouterr().out
    assert "480 readings at 60 moments" in out
    assert "do not fit together" not in out


def test_picture(folder, capsys):
    """A panel a point with its value, what was expected, and the time of the alarm; well-formed XML, named in words."""
    assert replay(folder, "--picture", folder / "p.svg") == 0

    svg = ET.parse(folder / "p.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    texts = [each.text or "" for each in svg.iter(f"{space}text")]
    assert any(text.startswith("f1.ib [A]") for text in texts)
    assert any("do not fit together" in (each.text or "") for each in svg.iter(f"{space}title"))
    assert svg.findall(f"{space}polyline")
    assert [each for each in svg.iter(f"{space}path") if each.get("stroke-dasharray")]


def test_nothing_raised_nothing_drawn(folder, capsys):
    """It is said, and no file is left."""
    assert replay(folder, "--to", "2026-01-01T00:00:10Z", "--picture", folder / "p.svg") == 0

    out, err = capsys.readouterr()
    assert out.startswith("0 alarms\n")
    assert "was not drawn" in err
    assert not (folder / "p.svg").exists()


def test_faults(folder, capsys):
    """A configuration that is none: 78; a recording that is none: 1; a time that is none: 2."""
    assert cli.main(["replay", str(folder / "g.yaml"), str(folder / "nowhere.csv")]) == 1
    (folder / "r.csv").write_text("time,f1.va\n1,1\n2,x\n")
    assert replay(folder) == 1
    (folder / "g.yaml").write_text("{}")
    assert replay(folder) == 78
    with pytest.raises(SystemExit) as caught:
        replay(folder, "--from", "noon")
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert "r.csv:3: 'x' is no number" in err
    assert "'noon' is not ISO 8601" in err


def test_what_is_kept_for_the_page_is_bounded(folder):
    """A storm is counted to its end, and kept up to the bound; groups count all of it."""
    loaded = Replay(load(folder / "g.yaml"), folder / "r.csv")
    [alarm] = [each for each in loaded.messages() if isinstance(each, Alarm) and each.active][:1]
    loaded.close()
    story = Story()
    for at in range(RAISED_MAX + 5):
        story.hear([replace(alarm, last_ns=at), replace(alarm, state=AlarmState.NORMAL, active=False, last_ns=at)])

    assert story.count == RAISED_MAX + 5
    assert len(story.raised) == RAISED_MAX
    assert [group.times for group in story.groups()] == [RAISED_MAX + 5]
    assert page.verdict(story, None).startswith(f"{RAISED_MAX + 5} alarms")


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals(terminal):
    """A bar that moves and goes away; nothing at all where nobody looks."""

    class Stream(io.StringIO):
        def isatty(self):
            return terminal

    stream = Stream()
    progress = Progress("replay", stream)
    progress(0.5)
    progress.done()

    written = stream.getvalue()
    assert written == ("\rreplay [###############...............]  50%\r\x1b[K" if terminal else "")
