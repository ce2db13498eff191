"""All traffic of a station with ten devices, two masters, a gateway and an HMI, as a mirror port sees it.

About 11 frames a second. What happens in the day: the masters are switched over and back, an operator switches five
times, an HMI browses in the morning and catches up later, an engineer is there for maintenance, the regulator restarts
once, the second router takes over, the switch restarts and everybody connects anew.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from operator import itemgetter
from typing import Final

from simulator.attacks.gooseframe import GooseFrame
from simulator.traffic import lan
from simulator.traffic.dnp3 import Outstation
from simulator.traffic.goose import Publisher
from simulator.traffic.iec104 import Station
from simulator.traffic.mms import Client as MmsClient
from simulator.traffic.modbus import Client as ModbusClient
from simulator.traffic.modbus import Poll
from simulator.traffic.noise import Noise
from simulator.traffic.opcua import Client as OpcuaClient
from simulator.traffic.plan import Plan, Span, Timed
from simulator.traffic.session import Session, Talk

METER: Final = (Poll(5, 0, 24), Poll(20, 100, 60), Poll(300, 400, 10), Poll(60, 30, 10, 4))
SERIAL: Final = tuple(Poll(10, 0, 16, unit=unit) for unit in (1, 2, 5))
MASTERED: Final = (Poll(10, 0, 24), Poll(60, 100, 60))
HISTORY: Final = (Poll(30, 1000, 100),)
"""What the HMI reads of a meter; all at once when it catches up."""
OUTSTATIONS: Final = {"relay1": 10, "relay2": 11, "regulator": 12}
MASTER: Final = 1
MODBUS, MMS, IEC104, OPCUA, DNP3 = 502, 102, 2404, 4840, 20_000


def frames(plan: Plan) -> Iterator[Timed]:
    """Yield all frames, in the order of their times."""
    return merge(*(each.frames() for each in _sessions(plan)), *_publishers(plan), *Noise(plan).sources(), key=_TIME)


_TIME = itemgetter(0)


def _sessions(plan: Plan) -> Sequence[Session]:
    return [*_gateway(plan), *_master(plan, lan.FIRST_MASTER), *_master(plan, lan.SECOND_MASTER), *_people(plan)]


def _gateway(plan: Plan) -> Iterator[Session]:
    for name in ("meter1", "meter2", "plc"):
        client = ModbusClient(plan.chance(f"gateway {name}"), METER)
        yield _session(plan, lan.GATEWAY, name, MODBUS, client.talk)
    for name in ("ied1", "ied2"):
        reports = MmsClient(plan.chance(f"gateway {name}"), f"{name.upper()}LD0")
        yield _session(plan, lan.GATEWAY, name, MMS, reports.talk)
    subscribed = OpcuaClient(plan.chance("gateway plc"), f"opc.tcp://{lan.DEVICES['plc']}:4840")
    yield _session(plan, lan.GATEWAY, "plc", OPCUA, subscribed.talk)


def _master(plan: Plan, master: str) -> Iterator[Session]:
    first = master == lan.FIRST_MASTER
    spans, standby = (plan.first_master, plan.second_master) if first else (plan.second_master, plan.first_master)
    commands = [each for each in plan.commands if any(each in span for span in spans)]
    for name, scans in (("meter1", MASTERED), ("meter2", MASTERED), ("serial", SERIAL)):
        chance, writes = plan.chance(f"{master} {name}"), commands if name == "meter2" else ()
        client = ModbusClient(chance, scans, behind=name == "serial", writes=writes)
        yield _session(plan, master, name, MODBUS, client.talk, spans)
    for name, number in OUTSTATIONS.items():
        polls = any(plan.restart.from_ns in span for span in spans)
        restarts_ns = plan.restart.to_ns if name == "regulator" and polls else -1
        outstation = Outstation(plan.chance(f"{master} {name}"), number, MASTER, commands, restarts_ns)
        away = plan.restart if name == "regulator" else None
        yield _session(plan, master, name, DNP3, outstation.talk, spans, away)
    station = Station(plan.chance(f"{master} rtu"), commands)
    yield _session(plan, master, "rtu", IEC104, station.talk, spans)
    waits = Station(plan.chance(f"{master} rtu standby"), (), standby=True)
    yield _session(plan, master, "rtu", IEC104, waits.talk, standby)
    for name in ("ied1", "ied2"):
        switched = commands if name == "ied1" else ()
        client61850 = MmsClient(plan.chance(f"{master} {name}"), f"{name.upper()}LD0", commands=switched)
        yield _session(plan, master, name, MMS, client61850.talk, spans)


def _people(plan: Plan) -> Iterator[Session]:
    history = ModbusClient(plan.chance("hmi meter1"), HISTORY, burst=plan.catch_up)
    yield _session(plan, lan.HMI, "meter1", MODBUS, history.talk)
    for name in ("ied1", "ied2"):
        browses = MmsClient(plan.chance(f"hmi {name}"), f"{name.upper()}LD0", browses=True)
        yield _session(plan, lan.HMI, name, MMS, browses.talk, plan.morning)
        tool = MmsClient(plan.chance(f"laptop {name}"), f"{name.upper()}LD0", browses=True)
        span = Span(plan.maintenance.from_ns + 10 * 10**9, plan.maintenance.to_ns - 10 * 10**9)
        yield _session(plan, lan.LAPTOP, name, MMS, tool.talk, (span,))


def _session(
    plan: Plan, client: str, device: str, port: int, talk: Talk, spans: Sequence[Span] = (), away: Span | None = None
) -> Session:
    name = f"{client} {device} {port} {spans}"
    return Session(plan, name, client, lan.DEVICES[device], port, talk, spans or plan.whole, away)


def _publishers(plan: Plan) -> Iterator[Iterator[Timed]]:
    quirks = {"relay1": "none", "relay2": "old_time", "ied1": "none", "ied2": "each_time"}
    for number, (name, quirk) in enumerate(quirks.items(), 1):
        frame = GooseFrame(
            source=lan.hardware(lan.DEVICES[name]),
            target=bytes.fromhex("010ccd0100") + bytes((number,)),
            app_id=number,
            ref=f"{name.upper()}LD0/LLN0$GO$gcb1",
            live_ms=4000,
            dataset=f"{name.upper()}LD0/LLN0$DS1",
        )
        yield Publisher(plan, frame, quirk).frames()  # type: ignore[arg-type]
