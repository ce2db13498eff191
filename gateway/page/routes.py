"""Every path of the API, once: what is answered, and what its document says."""

from typing import Final

from gateway.page import said
from gateway.page.api import Api
from gateway.page.catalogue import AT_ONCE
from gateway.page.route import Param, Route

ROOT: Final = "/api/v1"
LOGIN: Final = f"{ROOT}/session"
ID: Final = Param("id", "text", "The point, as DEVICE.POINT.")
AFTER: Final = Param("after", "whole", "How many are left out: those that were told before.", 0)
PAGE: Final = (
    Param("from", "whole", "The first row.", 0),
    Param("count", "whole", "How many rows, from 0.", AT_ONCE, most=AT_ONCE),
)
HOURS: Final = Param("hours", "number", "How far back.", 6.0, most=24)

ROUTES: Final = (
    Route(method="POST", path=LOGIN, answer=Api.login, gives=said.Entered, may="anybody", body=said.Login),
    Route(method="DELETE", path=LOGIN, answer=Api.logout, gives=None, status=204),
    Route(method="GET", path=LOGIN, answer=Api.session, gives=said.Session, personal=True),
    Route(method="GET", path=f"{ROOT}/health", answer=Api.health, gives=said.Health),
    Route(method="GET", path=f"{ROOT}/status", answer=Api.status, gives=said.Object),
    Route(method="GET", path=f"{ROOT}/points", answer=Api.points, gives=said.Points, params=PAGE, lasting=True),
    Route(method="GET", path=f"{ROOT}/values", answer=Api.values, gives=said.Values, params=PAGE),
    Route(method="GET", path=f"{ROOT}/point", answer=Api.point, gives=said.Object, params=(ID,)),
    Route(method="GET", path=f"{ROOT}/trend", answer=Api.trend, gives=said.Trend, params=(ID, HOURS)),
    Route(method="GET", path=f"{ROOT}/alarms", answer=Api.alarms, gives=said.Alarms, params=(AFTER,)),
    Route(method="GET", path=f"{ROOT}/incidents", answer=Api.incidents, gives=said.Incidents),
    Route(method="GET", path=f"{ROOT}/diagram", answer=Api.diagram, gives=said.Diagram, lasting=True),
    Route(method="GET", path=f"{ROOT}/forecast", answer=Api.forecast, gives=said.Object),
    Route(method="GET", path=f"{ROOT}/assets", answer=Api.assets, gives=said.Object),
    Route(method="GET", path=f"{ROOT}/days", answer=Api.days, gives=said.Object),
    Route(method="GET", path=f"{ROOT}/cyber", answer=Api.cyber, gives=said.Object, params=(AFTER,)),
    Route(method="POST", path=f"{ROOT}/alarms/ack", answer=Api.acknowledge, gives=said.Done, may="operate",
          body=said.Which),
    Route(method="POST", path=f"{ROOT}/alarms/shelve", answer=Api.shelve, gives=said.Done, may="operate",
          body=said.Shelve),
    Route(method="POST", path=f"{ROOT}/alarms/unshelve", answer=Api.unshelve, gives=said.Done, may="operate",
          body=said.Which),
    Route(method="GET", path=f"{ROOT}/openapi.json", answer=Api.document, gives=said.Object, personal=True),
)  # fmt: skip
