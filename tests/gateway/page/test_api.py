"""The API says what the gateway knows, in the order and the words that its document promises."""

import asyncio

import jsonschema
import numpy as np

from gateway.page.catalogue import AT_ONCE, values
from gateway.page.routes import ROUTES

ALARM = "feeder1/va/limit_high"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


async def test_catalogue_and_values_go_together(site):
    """The same revision, the same order; the values are those of the image, and JSON knows no NaN."""
    points, values_ = (await site.asked("points")).json, (await site.asked("values")).json

    assert [each["id"] for each in points["points"]] == ["feeder1.va", "feeder1.cb52", "feeder1.f"]
    assert points["points"][0] == {
        "id": "feeder1.va", "device": "feeder1", "name": "va", "unit": "V", "type": "float32", "every_s": 0.1,
        "use": "input", "role": {"bay": "feeder1", "bus": "bb1", "quantity": "voltage", "phase": "a"},
        "limits": {"high": 1.0, "hysteresis": 0.0, "on_delay_s": 0.0, "off_delay_s": 0.0, "severity": "warning"},
    }  # fmt: skip
    assert (points["revision"], points["count"], points["from"]) == (values_["revision"], 3, 0)
    assert 6000 < values_["values"][0] < 7000
    assert values_["q"] == [0, 0, 0]
    assert all(0 <= age <= 30 for age in values_["age_s"])


async def test_a_part_of_the_points(site):
    """From a row, so many."""
    values_ = (await site.asked("values?from=1&count=1")).json

    assert (values_["from"], values_["count"], len(values_["values"])) == (1, 3, 1)
    assert (await site.asked("values?from=7")).json["values"] == []


async def test_what_a_browser_has_it_keeps(site):
    """Until a reload, after which the revision is another."""
    first = await site.asked("points")
    mark = first.headers["etag"]
    again = await site.asked("points", headers={"If-None-Match": mark})

    assert (again.status, again.body) == (304, b"")
    await site.reload()
    later = await site.asked("points", headers={"If-None-Match": mark})
    assert (later.status, later.headers["etag"] != mark) == (200, True)


async def test_a_trend(site):
    """Mean, least and greatest of closed windows, the last step last; it goes on over a reload."""
    trends = site.plant.pipeline.trends
    await site.until(lambda: np.nanmax(trends.kept[0], initial=-1) > 6000)
    before = (await site.asked("trend?id=feeder1.va&hours=1")).json
    await site.reload()
    after = (await site.asked("trend?id=feeder1.va&hours=1")).json

    for told in (before, after):
        assert (told["id"], told["unit"], told["step_s"], len(told["mean"])) == ("feeder1.va", "V", 10, 360)
        known = [n for n, mean in enumerate(told["mean"]) if mean is not None]
        assert known
        for n in known:
            assert 6000 < told["min"][n] <= told["mean"][n] <= told["max"][n] < 7000
    assert (await site.asked("trend?id=feeder1.nothing")).status == 404


async def test_alarms_are_acknowledged_and_shelved(site):
    """By a user who may, under his name; it shows in the list at once, and in the audit log."""
    (alarm,) = [each for each in (await site.asked("alarms")).json["alarms"] if each["id"] == ALARM]
    headers = {"X-GridSentinel": "1"}
    assert (alarm["state"], alarm["points"]) == ("active_unacked", ["va"])

    async def told(do, **keys):
        return await site.asked(f"alarms/{do}", method="POST", headers=headers, body={"alarm": ALARM, **keys})

    done = [
        (await told("ack")).json,
        (await told("shelve", until="2099-01-01")).json,
        (await told("shelve", until=_soon(site))).json,
        (await told("unshelve")).json,
    ]
    assert [each.get("state") for each in done] == ["active_acked", None, "shelved", "active_acked"]
    assert "at most 30 days" in done[1]["error"]
    (alarm,) = [each for each in (await site.asked("alarms")).json["alarms"] if each["id"] == ALARM]
    assert (alarm["state"], alarm["by"]) == ("active_acked", "anna")
    await site.gateway.audit.settled()
    entries = (site.path.parent / "state" / "audit.jsonl").read_text().splitlines()
    assert sum('"page"' in each and "anna" in each and ALARM in each for each in entries) == 4


async def test_who_may_only_read_changes_nothing(site):
    """He is told so, and the alarm is as it was."""
    told = await site.asked(
        "alarms/ack", "ben", method="POST", headers={"X-GridSentinel": "1"}, body={"alarm": ALARM}
    )  # fmt: skip

    assert (told.status, site.plant.pipeline.alarms.get(ALARM).acked) == (403, False)


async def test_the_diagram(site):
    """The breaker stands in its bay, whose bus another point names; what has no role is listed."""
    told = (await site.asked("diagram")).json

    assert told["buses"] == [
        {
            "name": "bb1",
            "bays": [
                {
                    "name": "feeder1", "bus": "bb1", "breakers": [1],
                    "values": [{"row": 0, "quantity": "voltage", "phase": "a"}],
                }
            ],
            "breakers": [], "values": [],
        }
    ]  # fmt: skip
    assert (told["transformers"], told["other"]) == ([], [{"device": "feeder1", "rows": [2]}])


async def test_answers_are_as_the_document_says(site):
    """Every path that reads, against its schema."""
    document = (await site.asked("openapi.json")).json
    needed = {"point": "?id=feeder1.va", "trend": "?id=feeder1.va"}

    for path, methods in document["paths"].items():
        if "get" not in methods:
            continue
        name = path.rpartition("/")[2]
        told = await site.asked(name + needed.get(name, ""))
        schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(told.json, {"$schema": DRAFT, **schema, "components": document["components"]})
        assert told.status == 200, path


async def test_every_answer_bears_its_version(site):
    """Faults, too."""
    paths = ["status", "values", "health", "days", "nothing", "point?id=x"]

    assert {(await site.asked(path)).json["v"] for path in paths} == {1}


async def test_what_is_asked_often_is_drawn_once(site, monkeypatch):
    """Twenty who ask while it is fresh cost one drawing."""
    drawn = []
    monkeypatch.setattr("gateway.page.door.FRESH_S", 600.0)
    monkeypatch.setattr("gateway.page.api.values", lambda *told: drawn.append(1) or values(*told))
    found = await asyncio.gather(*(site.asked("values") for _ in range(20)))

    assert {told.status for told in found} == {200}
    assert len(drawn) == 1


async def test_queries_that_are_none(site):
    """They are refused in words."""
    for query in (
        "?from=-1", "?from=x", f"?count={AT_ONCE + 1}", "?from=1&from=2", "?other=1", "?from", "?from=%ff", "?a" * 200,
        "?from=1_0", "?from=%D9%A1", "?&", "?from=1e3",
    ):  # fmt: skip
        told = await site.asked(f"values{query}")
        assert (told.status, "error" in told.json) == (400, True), query
    for hours in ("0", "-1", "nan", "inf", "25", "1e999", "1_0", ""):
        assert (await site.asked(f"trend?id=feeder1.va&hours={hours}")).status == 400, hours


def test_each_path_is_described():
    """By the first line of what answers it."""
    assert all((route.answer.__doc__ or "").strip() for route in ROUTES)


def _soon(site):
    return f"{np.datetime64(site.gateway.clock() // 1_000_000 + 3_600_000, 'ms')}Z"
