"""docs/examples/upstream.*: a gateway's streams in a real PostgreSQL, each number once, through kills of everything."""

import asyncio
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.interop

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs/examples"
PYTHON = ROOT / ".peers/upstream/bin/python"
PACKAGES = ("paho-mqtt>=2.1,<3", "psycopg[binary]>=3.2,<4")
PATIENCE_S = 60.0


def server_programs():
    """Return the folder of PostgreSQL's programs; Debian's package is fetched where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "-qq", "postgresql"], check=True, capture_output=True)
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.fail("no PostgreSQL: install the package postgresql")
    return found[-1].parent


class Postgres:
    """A server of its own in a folder of its own, run as postgres where the tests are root."""

    def __init__(self, folder):
        self.folder, self.programs = folder, server_programs()
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.user:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        self.run("initdb", "-D", f"{folder}/data", "-U", "grid", "-A", "trust", "-N", "-E", "UTF8")
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.start()
        self.database = f"host=127.0.0.1 port={self.port} user=grid dbname=postgres"

    def run(self, program, *words):
        subprocess.run([*self.user, self.programs / program, *words], check=True, capture_output=True, cwd="/")

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def stop(self, mode="immediate"):
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", mode, "stop")

    def ask(self, *words):
        """Return the rows that psql prints."""
        command = [self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.database, *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
        return [tuple(line.split("|")) for line in done.stdout.splitlines()]

    def sql(self, text):
        return self.ask("-c", text)


@pytest.fixture(scope="module")
def server():
    """Run a PostgreSQL with the schema of the example."""
    folder = Path(tempfile.mkdtemp(prefix="gridsentinel-"))
    made = Postgres(folder)
    made.ask("-f", EXAMPLES / "upstream.sql")
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def python():
    """Return a Python that has what the example asks for."""
    if not PYTHON.exists():
        venv.create(PYTHON.parents[1], with_pip=True)
    if subprocess.run([PYTHON, "-c", "import paho.mqtt, psycopg"], capture_output=True, check=False).returncode:
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", *PACKAGES], check=True, capture_output=True)
    return PYTHON


class Upstream:
    """The example as a program."""

    def __init__(self, python, broker, database):
        self.command = [python, EXAMPLES / "upstream.py", broker.url, database]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.communicate(timeout=PATIENCE_S)[1]


@pytest.fixture
def upstream(python, mosquitto, server):
    made = Upstream(python, mosquitto, server.database)
    made.start()
    yield made
    if made.process.poll() is None:
        made.end(signal.SIGKILL)


async def until(holds):
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.2)


def complete(server, site):
    """Return whether everything that the gateways of a site gave out is there."""
    view = f"FROM gridsentinel.completeness WHERE site = '{site}'"
    return server.sql(f"SELECT count(*), bool_and(complete AND isempty(outstanding)) {view}") == [("3", "t")]


async def test_a_gateway_in_the_database(server, upstream, mosquitto, daemon, device, book):
    """Through kills of the gateway, the carrier and the database, and restarts of the broker: each number once."""
    config = device.config("d1", points=3)
    config["points"][0]["limits"] = {"high": 200}
    config["points"].append({"name": "breaker", "address": "holding:99.0"})
    daemon.write([config], uplink={"backlog_rate_per_s": 1000})
    book.say("gridsentinel/s/probe/birth", b"{}", retain=True)
    await until(lambda: server.sql("SELECT 1 FROM gridsentinel.told WHERE gateway = 'probe'"))  # it listens
    for turn in range(3):
        await daemon.start()
        for _ in range(5):
            device.registers[0], device.registers[99] = 300 - device.registers[0], device.registers[99] ^ 1
            await asyncio.sleep(0.4)
        upstream.end(signal.SIGKILL)
        server.stop()
        await asyncio.sleep(0.5)
        await (daemon.kill() if turn % 2 else daemon.stop())
        server.start()
        upstream.start()
        await asyncio.to_thread(mosquitto.restart)
    await daemon.start()
    await book.emptied(daemon, PATIENCE_S)
    await until(lambda: complete(server, "s"))
    await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")
    await until(
        lambda: server.sql("SELECT message->>'reason' FROM gridsentinel.told WHERE topic = 'status'") == [("stopped",)]
    )
    counted = "SELECT count(DISTINCT seq), count(*) FROM gridsentinel."
    points = sum(len(window["points"]) for window in book.windows("d1"))
    changes = book.streams["change"].values()

    assert server.sql(f"{counted}telemetry WHERE site = 's'") == [(str(len(book.windows("d1"))), str(points))]
    assert server.sql(f"{counted}change WHERE site = 's'") == [
        (str(len(changes)), str(sum(len(change["points"]) for change in changes)))
    ]
    assert server.sql(f"{counted}alarm WHERE site = 's'") == [(str(len(book.streams["alarm"])),) * 2]
    told = server.sql("SELECT sum(n), min(min), max(max) FROM gridsentinel.telemetry WHERE site='s' AND point='p1'")
    assert int(told[0][0]) == book.readings("d1")
    assert server.sql("SELECT count(*) FROM gridsentinel.rejected WHERE topic LIKE 'gridsentinel/s/%'") == [("0",)]


def telemetry(seq, **keys):
    point = {"n": 1, "min": seq, "max": seq, "mean": seq, "last": seq, "q": 0}
    start = f"2026-11-20T10:00:{seq:02}.000Z"
    return {
        "v": 1,
        "stream": "telemetry",
        "seq": seq,
        "device": "d",
        "start": start,
        "length_s": 1,
        "points": {"p": point},
    } | keys


def status(last, waiting=0):
    streams = ("telemetry", "change", "alarm")
    return {
        "v": 1,
        "online": True,
        "store": {"last_seq": dict.fromkeys(streams, last), "waiting": dict.fromkeys(streams, waiting)},
    }


@pytest.fixture
def store(server, tmp_path):
    """Store messages of a gateway of the test's own; return the verdicts."""
    name = tmp_path.name.replace("[", "").replace("]", "")

    def store(*messages):
        verdicts = []
        for topic, message in messages:
            payload = (message if isinstance(message, str) else json.dumps(message)).replace("'", "''")
            verdicts += server.sql(f"SELECT gridsentinel.store('gridsentinel/x/{name}/{topic}', '{payload}')")
        return [verdict for (verdict,) in verdicts]

    store.rows = lambda what, table: server.sql(
        f"SELECT {what} FROM gridsentinel.{table} WHERE gateway = '{name}' AND stream = 'telemetry'"
    )
    store.seqs = lambda: [
        int(seq) for (seq,) in server.sql(f"SELECT seq FROM gridsentinel.telemetry WHERE gateway = '{name}' ORDER BY 1")
    ]
    return store


def test_holes_gaps_and_duplicates(store):
    """What never came is missing, what a gap lists is explained, what comes twice is stored once."""
    said = [("telemetry/d", telemetry(seq)) for seq in (1, 2, 2, 5, 9)]
    assert store(*said) == ["new", "new", "duplicate", "new", "new"]
    assert store(("status", status(9, waiting=2))) == ["status"]
    assert store.rows("missing, outstanding, complete", "completeness") == [("{}", "{[3,5),[6,9)}", "t")]
    assert store(("status", status(9))) == ["status"]
    assert store.rows("missing, complete", "completeness") == [("{[3,5),[6,9)}", "f")]
    gap = {
        "v": 1,
        "stream": "telemetry",
        "from_seq": 3,
        "to_seq": 4,
        "lost": 2,
        "reason": "budget",
        "start": None,
        "end": None,
    }
    sparse = {**gap, "from_seq": 6, "to_seq": 8, "numbers": [[6, 8, 2]]}
    assert store(("gap", gap), ("gap", gap), ("gap", sparse)) == ["gap"] * 3
    assert store.rows("missing, complete, duplicates", "completeness") == [("{[7,8)}", "f", "1")]
    assert store(("telemetry/d", telemetry(7))) == ["new"]
    assert store.rows("missing, complete", "completeness") == [("{}", "t")]
    assert store.rows("count(*)", "gap") == [("2",)]
    assert store.seqs() == [1, 2, 5, 7, 9]


def test_a_gap_that_tells_only_how_many(store):
    """Numbers within its bounds are explained up to that many; more are hidden, and that is not complete."""
    store(("telemetry/d", telemetry(1)), ("status", status(9)))
    gap = {
        "v": 1,
        "stream": "telemetry",
        "from_seq": 1,
        "to_seq": 9,
        "lost": 6,
        "reason": "budget",
        "start": None,
        "end": None,
    }
    store(("gap", gap))

    assert store.rows("missing, hidden, complete", "completeness") == [("{}", "2", "f")]
    store(*(("telemetry/d", telemetry(seq)) for seq in (4, 5)))
    assert store.rows("hidden, complete", "completeness") == [("0", "t")]


def test_merged_windows(store):
    """A merged window replaces those that it covers and that came, and none of other devices between them."""
    store(("telemetry/d", telemetry(1)), ("telemetry/e", telemetry(2, device="e")), ("status", status(7)))
    merged = telemetry(5, covers=[1, 5], numbers=[[1, 5, 2]])
    assert store(("telemetry/d", merged), ("telemetry/d", merged), ("telemetry/d", telemetry(3))) == [
        *("merged", "duplicate", "duplicate")
    ]
    assert store.seqs() == [2, 5]
    assert store(("telemetry/e", telemetry(6, device="e", covers=[2, 6], numbers=[[2, 6, 2]]))) == ["merged"]
    assert store(("telemetry/d", telemetry(7))) == ["new"]
    assert store.seqs() == [5, 6, 7]
    assert store.rows("came, duplicates", "ledger") == [("{[1,8)}", "2")]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("telemetry/d", "{"),
        ("telemetry/d", "[]"),
        ("telemetry/d", {"seq": None, "points": {}}),
        ("telemetry/d", {"points": {}}),
        ("telemetry/d", {"seq": 3}),
        ("telemetry/d", telemetry(3, covers=[1, 4])),
        ("telemetry/d", telemetry(3, covers=[None, 3])),
        ("telemetry/d", telemetry(10**15 + 1, numbers=[[1, 10**15 + 1, 2]])),
        ("telemetry/d", telemetry(3, points=[])),
        ("telemetry/d", telemetry(3, points={"p": {}})),
        ("telemetry/d", telemetry(3, start="yesterday evening")),
        ("telemetry/d", telemetry(0)),
        ("telemetry/d", telemetry(2**63)),
        ("change/d", {"seq": 1, "points": {"p": 1}}),
        ("alarm", {"seq": 1}),
        ("gap", {"stream": "telemetry", "from_seq": None, "to_seq": 3, "lost": 1}),
        ("gap", {"stream": "other", "from_seq": 1, "to_seq": 3, "lost": 3, "reason": "budget"}),
        ("status", {"store": {"last_seq": {"telemetry": "many"}, "waiting": {}}}),
    ],
)
def test_what_is_no_message(store, topic, payload):
    """It is kept aside, and nothing of it counts."""
    assert store((topic, payload)) == ["rejected"]
    assert store.rows("came, lost", "ledger") == []
    assert store.seqs() == []


def test_the_questions_of_the_page(server):
    """Every query of docs/fleet.md that needs nothing but PostgreSQL is answered."""
    page = (ROOT / "docs/fleet.md").read_text()
    found = re.findall(r"`(SELECT [^`]*FROM gridsentinel[^`]*)`", page)
    found += re.findall(r"^SELECT .*FROM .*;$", page, re.MULTILINE)

    assert len(found) >= 6
    for query in found:
        server.sql(query)


def test_what_was_rejected_is_bounded(server):
    """The newest thousand of what is no message are kept."""
    server.sql("SELECT gridsentinel.store('gridsentinel/x/flood/alarm', n::text) FROM generate_series(1, 1500) AS n")

    assert server.sql("SELECT count(*), max(payload::int) FROM gridsentinel.rejected") == [("1000", "1500")]
