"""Names of alarms: what an alarm is called, and which rows its points are under the present configuration."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from detectors.model import Finding
from gateway.core.messages import Alarm
from protocols.model import GATEWAY
from protocols.point import Role
from protocols.points import Points

INDICES_MAX = 16
"""Devices whose points are at hand by name; of more, the one not asked for longest is looked through anew."""


class Naming:
    """Turns findings into names and alarms back into rows."""

    def __init__(self, points: Points) -> None:
        self.points = points
        self._indices: dict[str, Mapping[str, int]] = {}
        self._homes: dict[str, Sequence[Role]] = {}

    def id(self, finding: Finding) -> str:
        """Return DEVICE/SUBJECT/KIND, DEVICE/POINT/KIND or DEVICE/KIND; silent points come and go in one alarm."""
        if finding.subject:
            return f"{finding.device}/{finding.subject}/{finding.kind}"
        if len(finding.rows) == 1 and finding.kind != "stale":
            return f"{finding.device}/{self._name(finding.device, finding.rows[0])}/{finding.kind}"
        return f"{finding.device}/{finding.kind}"

    def names(self, finding: Finding) -> tuple[str, ...]:
        """Return its points: those of its device by name, others as DEVICE.POINT."""
        return tuple(self._name(finding.device, row) for row in finding.rows)

    def rows(self, alarm: Alarm) -> tuple[int, ...] | None:
        """Return the rows of the alarm's points, or None when its device or one of them is gone."""
        if alarm.device != GATEWAY and alarm.device not in self.points.rows_of:
            return None
        if not alarm.points:
            return ()
        index = self._index(alarm.device)
        found: Sequence[int | None] = [index.get(name, self._foreign(name, index)) for name in alarm.points]
        rows = tuple(row for row in found if row is not None)
        return rows if len(rows) == len(found) else None

    def devices(self, alarm: Alarm) -> tuple[str, ...]:
        """Return the devices whose points it needs; none where it is about a device as a whole."""
        return tuple(dict.fromkeys(self.points.device(row) for row in self.rows(alarm) or ()))

    def home(self, device: str) -> Sequence[Role]:
        """Return the roles that tell where a device is: in its bay, if it has just one, else nowhere.

        Roles that tell the same are there once. What was found is kept: a device may have thousands of points.
        """
        if device not in self._homes:
            configs = self.points.configs
            roles = [role for row in self.points.rows_of.get(device, ()) if (role := configs[row].role) and role.bay]
            apart = {(role.bay, role.bus, role.transformer): role for role in roles}
            self._homes[device] = tuple(apart.values()) if len({bay for bay, *_ in apart}) == 1 else ()
        return self._homes[device]

    def _name(self, device: str, row: int) -> str:
        return self.points.names[row] if row in self.points.rows_of.get(device, ()) else self.points.label(row)

    def _index(self, device: str) -> Mapping[str, int]:
        """Return the rows of a device by name; those of the last few devices are at hand."""
        index = self._indices.pop(device, None)
        if index is None:
            index = {self.points.names[row]: row for row in self.points.rows_of.get(device, ())}
        self._indices[device] = index
        if len(self._indices) > INDICES_MAX:
            del self._indices[next(iter(self._indices))]
        return index

    def _foreign(self, name: str, own: Mapping[str, int]) -> int | None:
        return self._labels.get(name) if name not in own and "." in name else None

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {self.points.label(row): row for row in range(len(self.points))}
