"""The answers of the API: what the status socket says, and beside it what a diagram and a trend need."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from gateway import __version__
from gateway.core.messages import Alarm
from gateway.http.message import Answer
from gateway.local import alarms
from gateway.local.server import NotKnown
from gateway.overview import urgent
from gateway.page import said
from gateway.page.catalogue import catalogue, values
from gateway.page.diagram import diagram
from gateway.page.entrance import Entrance
from gateway.page.route import Asked, Sorry
from gateway.page.source import Source
from gateway.plant import Plant
from gateway.uplink.payload import iso, plain

ALARMS_AT_ONCE: Final = 500
"""Alarms in one answer; who wants more asks again."""
NOBODY: Final = -1
"""The page gives no orders, so no user of this computer stands behind its questions."""


class Api:
    """Answers of one gateway. `document` describes them."""

    def __init__(self, source: Source, entrance: Entrance, document: Callable[[], Mapping[str, Any]]) -> None:
        self._source, self._entrance, self._document = source, entrance, document
        self._plant: Plant | None = None
        self._revision = ""
        self._commands = 0

    @property
    def revision(self) -> str:
        """What names the points as they are now: another after each start and reload."""
        plant = self._source.plant
        if plant is not self._plant:
            self._plant, self._revision = plant, f"{self._source.now_ns:x}"
        return self._revision

    async def login(self, asked: Asked) -> Answer:
        """Begin a session with the token of a user."""
        user, cookie = await self._entrance.login(asked.body.token, asked.peer)
        told = msgspec.json.encode(said.Entered(user=user.name, may=user.may))
        return Answer(200, "application/json", told, {"Set-Cookie": cookie})

    async def logout(self, asked: Asked) -> Answer:
        """End the session."""
        return Answer(204, headers={"Set-Cookie": self._entrance.logout(asked.key)})

    async def document(self, _asked: Asked) -> Answer:
        """Return this description of the API."""
        return Answer(200, "application/json", msgspec.json.encode(self._document()))

    async def session(self, asked: Asked) -> said.Session:
        """Return who asks, and whom."""
        user, identity = asked.known, self._source.identity
        return said.Session(
            user=user.name, may=user.may, site=identity.site, gateway=identity.name, version=__version__
        )

    async def health(self, _asked: Asked) -> said.Health:
        """Return how the gateway is."""
        health = self._source.health()
        return said.Health(state=health.state, health=health.score, why=list(health.why))

    async def status(self, _asked: Asked) -> Mapping[str, Any]:
        """Return the whole picture, as the status socket tells it."""
        return await self._source.report({"ask": "status"}, NOBODY)

    async def points(self, asked: Asked) -> said.Points:
        """Return the catalogue of the points."""
        return catalogue(self._source.plant, self.revision, asked.query["from"], asked.query["count"])

    async def values(self, asked: Asked) -> said.Values:
        """Return the last reading of the points."""
        image, now_ns = self._source.plant.pipeline.image, self._source.now_ns
        return values(image, self.revision, now_ns, asked.query["from"], asked.query["count"])

    async def point(self, asked: Asked) -> Mapping[str, Any]:
        """Return one point: its reading, the octets it came from, its alarms."""
        return await self._told({"ask": "point", "point": asked.query["id"]})

    async def trend(self, asked: Asked) -> said.Trend:
        """Return how a point went in the last hours."""
        plant, id_ = self._source.plant, asked.query["id"]
        trends = plant.pipeline.trends
        row = plant.points.row(id_)
        if row is None or trends is None:
            raise Sorry(404, f"id: there is no '{id_[:129]}'")
        found = trends.of(row, now_ns=self._source.now_ns, hours=asked.query["hours"])
        mean, least, greatest = found.values.astype(np.float64).tolist()
        return said.Trend(
            id=id_,
            unit=plant.points.configs[row].unit,
            start=iso(found.start_ns),
            step_s=trends.step_s,
            mean=mean,
            min=least,
            max=greatest,
            q=found.quality.tolist(),
        )

    async def alarms(self, asked: Asked) -> said.Alarms:
        """Return alarms, what is to be done first."""
        every, after = alarms.listed(self._source.plant.pipeline.alarms), asked.query["after"]
        shown = every[after : after + ALARMS_AT_ONCE]
        return said.Alarms(count=len(every), alarms=[{**alarms.told(alarm), **_why(alarm)} for alarm in shown])

    async def acknowledge(self, asked: Asked) -> said.Done:
        """Acknowledge an alarm."""
        return await self._command("ack", asked)

    async def shelve(self, asked: Asked) -> said.Done:
        """Hide an alarm until a time."""
        return await self._command("shelve", asked)

    async def unshelve(self, asked: Asked) -> said.Done:
        """Bring a shelved alarm back."""
        return await self._command("unshelve", asked)

    async def incidents(self, _asked: Asked) -> said.Incidents:
        """Return the most urgent incidents."""
        pipeline = self._source.plant.pipeline
        return said.Incidents(incidents=[dict(each) for each in urgent(pipeline.alarms, pipeline)])

    async def diagram(self, _asked: Asked) -> said.Diagram:
        """Return the one-line diagram."""
        return diagram(self._source.plant.points, self.revision)

    async def forecast(self, _asked: Asked) -> Mapping[str, Any]:
        """Return the last forecast of each load."""
        return await self._reports("forecast")

    async def assets(self, _asked: Asked) -> Mapping[str, Any]:
        """Return the health of each asset."""
        return await self._reports("asset")

    async def days(self, _asked: Asked) -> Mapping[str, Any]:
        """Return the summary of each bay's day, as far as it has come."""
        return await self._reports("daily")

    async def cyber(self, asked: Asked) -> Mapping[str, Any]:
        """Return some of what is normal, and what waits for approval."""
        return await self._told({"ask": "learn", "do": "show", "after": asked.query["after"]})

    async def _told(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._source.report(asked, NOBODY)
        except NotKnown as error:
            raise Sorry(404, str(error)) from None

    async def _reports(self, kind: str) -> Mapping[str, Any]:
        try:
            return await self._source.report({"ask": "reports", "kind": kind}, NOBODY)
        except NotKnown:  # there is none of this kind yet
            return {"kinds": [], "reports": []}

    async def _command(self, do: str, asked: Asked) -> said.Done:
        """Do as a command of the broker is done, under the name of who has logged in."""
        self._commands += 1
        told = {"id": f"page-{self._commands}", "do": do, "by": asked.known.name, **msgspec.structs.asdict(asked.body)}
        reply = await self._source.commands.answer(msgspec.json.encode(told))
        if not reply["ok"]:
            raise Sorry(409, str(reply["error"]))
        return said.Done(alarm=reply["alarm"], state=reply["state"], stored=reply.get("stored", True))


def _why(alarm: Alarm) -> Mapping[str, Any]:
    """Return what an alarm rests on, called as in its MQTT message."""
    return {
        "active": alarm.active,
        "detector": alarm.detector,
        "value": alarm.value,
        "expected": alarm.expected,
        "technique": alarm.technique,
        "evidence": plain(alarm.evidence),
    }
