"""How the gateway itself is: one number, one word, and why; and the word to systemd that it is alive."""

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from detectors.model import Severity
from gateway.core.messages import Alarm

LOST_WEIGHT = 60
"""Health lost when every device is away; proportionally less for fewer."""
SEVERITY_WEIGHT = {Severity.INFO: 0, Severity.WARNING: 10, Severity.CRITICAL: 25, Severity.EMERGENCY: 50}
"""Health lost to the worst active alarm."""
STORE_WEIGHT = 30
"""Health lost while the disk does not take messages."""
FULL_SOON_H, FULL_SOON_WEIGHT = 24.0, 10
"""Health lost while the store is full within a day at the present rate: somebody should look at the uplink."""
STATES = ((90, "operational"), (70, "warning"), (40, "degraded"), (0, "critical"))
"""Least health of each state."""


@dataclass(frozen=True, slots=True)
class Health:
    """`score` 0 to 100, `state` in one word, `why` in plain ones."""

    score: int
    state: str
    why: tuple[str, ...]


def judge(
    devices: Mapping[str, bool],
    alarms: Iterable[Alarm],
    store_fault: str | None,
    hours_until_full: float | None = None,
) -> Health:
    """Return the health of a gateway whose `devices` answer or not."""
    lost = [name for name, answers in devices.items() if not answers]
    active = [alarm for alarm in alarms if alarm.active and not alarm.shelved_until_ns]
    worst = max(active, key=lambda alarm: alarm.severity.rank, default=None)
    score = 100 - LOST_WEIGHT * len(lost) // max(len(devices), 1)
    score -= SEVERITY_WEIGHT[worst.severity] if worst else 0
    score -= STORE_WEIGHT if store_fault else 0
    soon = hours_until_full is not None and hours_until_full < FULL_SOON_H
    score -= FULL_SOON_WEIGHT if soon else 0
    why = [f"{len(lost)} of {len(devices)} devices do not answer"] if lost else []
    why += [f"{len(active)} active alarms, the worst {worst.severity.value}: {worst.text}"] if worst else []
    why += [f"store: {store_fault}"] if store_fault else []
    why += [_filling(hours_until_full)] if soon and hours_until_full is not None else []
    score = max(score, 0)
    return Health(score, next(word for least, word in STATES if score >= least), tuple(why))


def _filling(hours: float) -> str:
    return f"store: full in {hours:g} h at the present rate" if hours else "store: full, the oldest telemetry fades"


def notify(message: str) -> None:
    """Tell systemd, when it listens (sd_notify(3)): READY=1, WATCHDOG=1, STATUS=…, STOPPING=1."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)


def watchdog_s() -> float | None:
    """Return how often systemd wants to hear from us, seconds; None when it does not."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    return int(usec) / 1e6 if usec.isdigit() and pid in ("", str(os.getpid())) else None
