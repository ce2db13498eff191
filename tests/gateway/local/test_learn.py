"""What is normal, over a real socket: shown in a stable order, changed by a local user, entered with his number."""

import asyncio
import json
import os
from types import SimpleNamespace

import pytest

from detectors.cyber.config import CyberConfig
from detectors.cyber.detector import Cyber
from gateway.cli import main
from gateway.core.pipeline import Pipeline
from gateway.keeper import Keeper
from gateway.local import learn as module
from gateway.local.client import SOCKET, Refused, ask, facts
from gateway.local.learn import Learn
from gateway.local.report import Report
from gateway.local.server import StatusServer
from gateway.store.baseline import FILE, read
from protocols.points import Points

NOW_NS = 1_795_176_000 * 10**9
ME = f"uid {os.getuid()}"


class Gateway:
    """A pipeline with cyber checks, served on a socket in `folder`."""

    def __init__(self, folder):
        self.folder, self.entered, self.seals = folder, [], []
        self.cyber = Cyber(CyberConfig(learn_s=60), Points.of([]))
        self.pipeline = Pipeline(Points.of([]), {"cyber": [self.cyber]}, 10)
        self.now_ns = NOW_NS
        self.cyber.baseline.begin("wire", NOW_NS)
        keeper = Keeper(folder, bytes, lambda: {"cyber": self.cyber.baseline.told()}, self.seal)
        learn = Learn(pipeline=lambda: self.pipeline, clock=lambda: self.now_ns, audit=self, keep=keeper.facts)
        plant = SimpleNamespace(pipeline=self.pipeline)
        self.report = Report(
            store=None, publisher=None, plant=lambda: plant, status=dict, clock=lambda: self.now_ns, max_bytes=1,
            learn=learn, evidence=None,
        )  # fmt: skip

    def note(self, what, who, **detail):
        self.entered.append((what, who, detail))

    async def settled(self):
        assert not (self.folder / FILE).exists() or self.entered[-1][2]["outcome"] == "done"
        return True

    async def seal(self, seal):
        self.seals.append(seal)

    def meet(self, key, value="", *, after_s=0):
        self.cyber.baseline.meet("new_talker", key, NOW_NS + after_s * 10**9, value)

    async def ask(self, **question):
        return await asyncio.to_thread(ask, self.folder / SOCKET, {"ask": "learn", **question})

    async def cli(self, *words):
        (self.folder / "gateway.yaml").write_text("gateway: {state_dir: .}")
        return await asyncio.to_thread(main, ["learn", str(self.folder / "gateway.yaml"), *words])


@pytest.fixture
async def gateway(tmp_path):
    gateway = Gateway(tmp_path)
    gateway.meet("10.0.0.9", "02:00:00:00:00:09")
    gateway.meet("10.0.0.66", "02:00:00:00:00:66", after_s=90)
    server = StatusServer(tmp_path, gateway.report.answer)
    task = asyncio.create_task(server.run())
    await server.listening.wait()
    yield gateway
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_is_shown(gateway, capsys):
    """By check and key, normal before waiting, with first, last, how often, and by whom."""
    gateway.now_ns = NOW_NS + 30 * 10**9
    assert await gateway.cli("show") == 0

    assert (
        capsys.readouterr().out
        == """\
what is normal here  2026-11-20T12:00:30.000Z
  learning  each check for its time, then frozen
  normal    1
  waits     1 for approval

new_talker  learned 50%
  state   key        value              first seen                last seen                 times  by
  normal  10.0.0.9   02:00:00:00:00:09  2026-11-20T12:00:00.000Z  2026-11-20T12:00:00.000Z      1  learned
  waits   10.0.0.66  02:00:00:00:00:66  2026-11-20T12:01:30.000Z  2026-11-20T12:01:30.000Z      1
"""
    )


async def test_it_is_shown_in_pieces(gateway, monkeypatch):
    """However many there are, each once."""
    monkeypatch.setattr(module, "FACTS_AT_ONCE", 3)
    for n in range(10):
        gateway.meet(f"10.0.1.{n}")
    told = await asyncio.to_thread(facts, gateway.folder / SOCKET)

    assert len((await gateway.ask(do="show"))["facts"]) == 3
    assert len({fact["key"] for fact in told["facts"]}) == told["count"] == 12
    assert told["facts"] == sorted(told["facts"], key=lambda fact: (fact["state"], fact["key"]))


async def test_a_person_approves(gateway, capsys):
    """It is normal from then on, on disk before it is answered, and the kernel's word for who did it is entered."""
    assert await gateway.cli("approve", "new_talker", "10.0.0.66") == 0

    assert capsys.readouterr().out == "approved: 02:00:00:00:00:66\n"
    assert gateway.cyber.baseline.knows("new_talker", "10.0.0.66")
    kept = {fact[1]: fact[-1] for fact in read(gateway.folder)["cyber"]["facts"]}
    assert kept == {"10.0.0.9": "", "10.0.0.66": ME}
    assert gateway.entered == [
        ("learn", ME, {"do": "approve", "check": "new_talker", "key": "10.0.0.66", "outcome": "done",
                       "value": "02:00:00:00:00:66"}),
    ]  # fmt: skip


async def test_a_person_freezes_and_learns_anew(gateway):
    """Frozen, nothing new is learned; learned anew, all of the check is forgotten and learning begins."""
    await gateway.ask(do="freeze")
    gateway.meet("10.0.0.77", after_s=1)
    assert not gateway.cyber.baseline.knows("new_talker", "10.0.0.77")
    assert (await gateway.ask(do="show"))["frozen"]

    assert (await gateway.ask(do="relearn", check="new_talker"))["forgotten"] == 1
    gateway.meet("10.0.0.77", after_s=1000)
    assert gateway.cyber.baseline.knows("new_talker", "10.0.0.77")
    assert [(who, detail["do"], detail["outcome"]) for _, who, detail in gateway.entered] == [
        (ME, "freeze", "done"), (ME, "relearn", "done")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "question",
    [
        {"do": "approve", "check": "new_talker", "key": "10.0.0.99"},
        {"do": "approve", "check": "new_talker"},
        {"do": "approve", "check": ["new_talker"], "key": {}},
        {"do": "relearn", "check": "none"},
        {"do": "relearn", "check": "new_talker", "key": "k"},
        {"do": "freeze", "check": "new_talker"},
    ],
)
async def test_what_cannot_be_done(gateway, question):
    """It changes nothing, and is entered as refused."""
    before = json.dumps(gateway.cyber.baseline.told())
    with pytest.raises(Refused):
        await gateway.ask(**question)

    assert json.dumps(gateway.cyber.baseline.told()) == before
    assert [(what, who, detail["outcome"]) for what, who, detail in gateway.entered] == [("learn", ME, "refused")]


@pytest.mark.parametrize("question", [{}, {"do": "write"}, {"do": "show", "after": -1}, {"do": 1}])
async def test_what_is_no_order(gateway, question):
    """It is refused in words."""
    with pytest.raises(Refused):
        await gateway.ask(**question)

    assert gateway.entered == []


async def test_a_disk_that_refuses_is_said(gateway, capsys):
    """What was approved holds while the gateway runs; that it is not on disk is told."""
    (gateway.folder / f"{FILE}.new").mkdir()
    assert await gateway.cli("approve", "new_talker", "10.0.0.66") == 0

    assert "the disk did not take it" in capsys.readouterr().out
    assert gateway.cyber.baseline.knows("new_talker", "10.0.0.66")


def test_without_a_gateway(tmp_path, capsys):
    """`show` reads what was kept last; the orders say that nobody is there."""
    file = tmp_path / "gateway.yaml"
    file.write_text("gateway: {state_dir: .}")
    assert main(["learn", str(file), "show"]) == 1
    gateway = Gateway(tmp_path)
    gateway.meet("10.0.0.9")
    asyncio.run(Keeper(tmp_path, bytes, lambda: {"cyber": gateway.cyber.baseline.told()}, gateway.seal).facts())
    assert main(["learn", str(file), "freeze"]) == 1
    assert "no gateway is running" in capsys.readouterr().err

    assert main(["learn", str(file), "show", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["running"], [fact["key"] for fact in told["facts"]]) == (False, ["10.0.0.9"])
    (tmp_path / FILE).write_bytes(b"{}")
    assert main(["learn", str(file), "show"]) == 1
    assert (tmp_path / FILE).exists()


@pytest.mark.parametrize("words", [["approve", "new_talker"], ["freeze", "x"], ["relearn", "a", "b"], ["show", "x"]])
def test_words_that_do_not_fit(tmp_path, words):
    """Exit code 2, before anybody is asked."""
    assert main(["learn", str(tmp_path / "none.yaml"), *words]) == 2
