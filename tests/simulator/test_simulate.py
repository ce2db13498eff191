"""The command `gridsentinel simulate` as a user meets it."""

import asyncio
import re
import signal
import sys
import time

import pytest
from pymodbus.client import AsyncModbusTcpClient

from gateway.cli import main
from simulator.configuration import demo_urls
from simulator.truth import Truth

WAIT_S = 60


@pytest.mark.parametrize("end", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
async def test_it_serves_tells_and_ends_well(end, tmp_path):
    """It prints the servers, the plan and each step; a client reads; a signal ends it with exit code 0."""
    (tmp_path / "s.yaml").write_text("name: s\nsteps:\n  - {at_s: 0.5, for_s: 1, do: feeder_trip, feeder: feeder2}\n")
    process = await _simulate(str(tmp_path / "s.yaml"), "--port", "0", "--seed", "3")
    try:
        async with asyncio.timeout(WAIT_S):
            told = await _until(process, b"ends")
            port = int(next(line for line in told if "feeder1 " in line).split()[1].rpartition(":")[2])
            client = AsyncModbusTcpClient("127.0.0.1", port=port)
            await client.connect()
            answer = await client.read_holding_registers(100, count=2)
            client.close()
            process.send_signal(end)
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert (process.returncode, errors, answer.isError()) == (0, b"", False)
    assert "  at 0.5 s for 1 s: breaker of feeder2 open\n" in told
    assert told[-2:] == ["begins  breaker of feeder2 open\n", "ends    breaker of feeder2 open\n"]
    assert "seed 3" in told[0]


@pytest.mark.slow
async def test_the_truth_is_written_as_it_happens(tmp_path):
    """A line a step that has begun: when, what, where, and what a check should call it."""
    (tmp_path / "s.yaml").write_text(
        "name: s\nspeed: 10\nsteps:\n  - {at_s: 1, for_s: 5, do: sensor_gain, point: t1.p, factor: 2}\n"
    )
    process = await _simulate(str(tmp_path / "s.yaml"), "--port", "0", "--truth", str(tmp_path / "truth.jsonl"))
    try:
        async with asyncio.timeout(WAIT_S):
            await _until(process, b"ends")
            process.send_signal(signal.SIGTERM)
            await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    (line,) = (tmp_path / "truth.jsonl").read_text().splitlines()
    truth = Truth.read(line)

    assert (truth.do, truth.points, truth.devices) == ("sensor_gain", ("t1.p",), ("t1",))
    assert "imbalance" in truth.kinds
    assert truth.end_ns - truth.begin_ns == 500_000_000
    assert abs(truth.begin_ns - time.time_ns()) < WAIT_S * 1_000_000_000


def test_a_truth_file_that_cannot_be_written_is_exit_1(tmp_path, capsys):
    """It is said before anything is served."""
    assert main(["simulate", "--truth", str(tmp_path / "no" / "where")]) == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.slow
async def test_without_the_library_of_a_protocol_it_serves_the_others():
    """What is missing is said with the command that installs it."""
    process = await _simulate("--port", "0", before="sys.modules['asyncua'] = None; ")
    try:
        async with asyncio.timeout(WAIT_S):
            told = await _until(process, b"Ctrl-C")
            process.send_signal(signal.SIGTERM)
            await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 0
    assert "  OPC UA needs asyncua: pip install 'gridsentinel[demo]'\n" in told
    assert any("rtu:///dev/" in line for line in told)


def test_an_unknown_scenario_is_exit_2_with_a_suggestion(capsys):
    """The names and the nearest one are said, without a traceback."""
    assert main(["simulate", "nromal"]) == 2
    assert "no scenario 'nromal', did you mean 'normal'?; there are assets, " in capsys.readouterr().err


def test_a_bad_speed_is_exit_2(capsys):
    """Values of the command line are checked like those of the file."""
    assert main(["simulate", "--speed", "0"]) == 2
    assert "speed: Input should be greater than 0" in capsys.readouterr().err


def test_the_list_names_every_scenario(capsys):
    """Each with what it shows."""
    assert main(["simulate", "--list"]) == 0
    assert "demo         An over-voltage" in capsys.readouterr().out


def test_the_help_says_where_each_protocol_is(capsys):
    """Every protocol is there, and the urls to be asked are those that the substation has by default."""
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    said = capsys.readouterr().out

    urls = {url for bays in demo_urls().values() for url in bays.values()}
    asked = re.findall(r"gridsentinel decode '?([^' \n]+)", said)
    assert len(asked) >= 4
    assert set(asked) <= urls
    assert all(f"  {word:10}" in said for word in demo_urls())


@pytest.mark.slow
async def test_a_taken_port_is_exit_1():
    """The bay and the port are named in one line, without a traceback."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await _simulate("--port", str(port))
    async with asyncio.timeout(WAIT_S):
        _, errors = await process.communicate()
    server.close()

    assert process.returncode == 1
    assert errors.decode() == f"feeder1: cannot serve at 127.0.0.1:{port}, is the port taken?\n"


async def _simulate(*arguments: str, before: str = "") -> asyncio.subprocess.Process:
    code = f"import sys; {before}from gateway.cli import main; sys.exit(main())"
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, "simulate", *arguments, stdout=pipe, stderr=pipe
    )


async def _until(process: asyncio.subprocess.Process, word: bytes) -> list[str]:
    told = []
    while not told or not told[-1].startswith(word.decode()):
        line = await process.stdout.readline()
        assert line, (await process.stderr.read()).decode()
        told.append(line.decode())
    return told
