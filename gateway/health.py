"""How the gateway itself is: one number, one word, and why; and the word to systemd that it is alive."""

import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from detectors.detector import Learned
from detectors.model import Severity
from gateway.core.flood import FLOOD_ALARM
from gateway.core.messages import Alarm
from gateway.number import number_of

LOST_WEIGHT = 60
"""Health lost when every device is away; proportionally less for fewer."""
SEVERITY_WEIGHT = {Severity.INFO: 0, Severity.WARNING: 10, Severity.CRITICAL: 25, Severity.EMERGENCY: 50}
"""Health lost to the worst active alarm."""
STORE_WEIGHT = 30
"""Health lost while the disk does not take messages."""
MORE_WEIGHT = 10
"""Most health lost to further alarms that are critical or worse, one point each."""
FLOOD_WEIGHT = 10
"""Health lost while a flood lasts: somebody may overlook what matters."""
NAMED = 3
"""Causes named in one sentence."""
FULL_SOON_H, FULL_SOON_WEIGHT = 24.0, 10
"""Health lost while the store is full within a day at the present rate: somebody should look at the uplink."""
NOTIFY_S = 0.1
"""Longest wait for room in the queue of systemd's socket; the event loop waits with it."""
STATES = ((90, "operational"), (70, "warning"), (40, "degraded"), (0, "critical"))
"""Least health of each state."""


@dataclass(frozen=True, slots=True)
class Health:
    """`score` 0 to 100, `state` in one word, `why` in plain ones."""

    score: int
    state: str
    why: tuple[str, ...]


Reason: TypeAlias = tuple[int, str]
"""Points that are lost, and the sentence for it; none where it only tells what is not looked at."""


def judge(
    devices: Mapping[str, bool],
    alarms: Iterable[Alarm],
    store_fault: str | None,
    hours_until_full: float | None = None,
    learned: Iterable[Learned] = (),
) -> Health:
    """Return the health of a gateway whose `devices` answer or not, and whose checks have `learned` so far."""
    living = list(alarms)
    reasons = [
        *_links(devices),
        *_active([alarm for alarm in living if alarm.active and not _hidden(alarm)]),
        *_store(store_fault, hours_until_full),
        *_unseen(living),
        *_learning(list(learned)),
    ]
    score = max(100 - sum(points for points, _ in reasons), 0)
    return Health(score, next(word for least, word in STATES if score >= least), tuple(why for _, why in reasons))


def _hidden(alarm: Alarm) -> bool:
    return bool(alarm.shelved_until_ns or alarm.suppressed_by)


def _links(devices: Mapping[str, bool]) -> Iterator[Reason]:
    lost = sum(not answers for answers in devices.values())
    if lost:
        yield LOST_WEIGHT * lost // len(devices), f"{lost} of {len(devices)} devices do not answer"


def _active(alarms: Sequence[Alarm]) -> Iterator[Reason]:
    if not alarms:
        return
    worst = max(alarms, key=lambda alarm: alarm.severity.rank)
    text = f"{number_of(len(alarms), 'active alarm')}, the worst {worst.severity.value}: {worst.text}"
    yield SEVERITY_WEIGHT[worst.severity], text
    more = sum(alarm.severity.rank >= Severity.CRITICAL.rank for alarm in alarms) - 1
    if more > 0:
        yield min(more, MORE_WEIGHT), f"{more} more {_are(more)} critical or worse"
    if any(alarm.id == FLOOD_ALARM for alarm in alarms):
        yield FLOOD_WEIGHT, "more alarms come than an operator can take: those below critical are told in a summary"


def _store(fault: str | None, hours: float | None) -> Iterator[Reason]:
    if fault:
        yield STORE_WEIGHT, f"store: {fault}"
    if hours is not None and hours < FULL_SOON_H:
        rate = f"store: full in {hours:g} h at the present rate"
        yield FULL_SOON_WEIGHT, rate if hours else "store: full, the oldest telemetry fades"


def _unseen(alarms: Sequence[Alarm]) -> Iterator[Reason]:
    suppressed = [alarm for alarm in alarms if alarm.suppressed_by and not alarm.shelved_until_ns]
    causes = ", ".join(sorted({alarm.suppressed_by for alarm in suppressed})[:NAMED])
    if suppressed:
        yield 0, f"{len(suppressed)} {_are(len(suppressed))} suppressed by design, as they follow from {causes}"
    shelved = sum(alarm.active and alarm.shelved_until_ns > 0 for alarm in alarms)
    if shelved:
        yield 0, f"{shelved} active {_are(shelved)} shelved"


def _learning(learned: Sequence[Learned]) -> Iterator[Reason]:
    still = [each for each in learned if each.state == "learning"]
    if still:
        least = min(each.share for each in still)
        yield 0, f"{len(still)} of {len(learned)} checks still learn what is normal, the least is {least:.0%} done"


def _are(count: int) -> str:
    return "alarm is" if count == 1 else "alarms are"


def notify(message: str) -> None:
    """Tell systemd, when it listens (sd_notify(3)): READY=1, WATCHDOG=1, STATUS=…, STOPPING=1.

    One that listens no more, or does not keep up for NOTIFY_S, is not told: it is no reason to end.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock, suppress(OSError):
        sock.settimeout(NOTIFY_S)
        sock.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)


def watchdog_s() -> float | None:
    """Return how often systemd wants to hear from us, seconds; None when it does not."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    return int(usec) / 1e6 if usec.isdigit() and pid in ("", str(os.getpid())) else None
