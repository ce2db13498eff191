"""Every normative statement of Sparkplug 3.0 that concerns an edge node, by its identifier, on recorded packets.

Conversations between the gateway and a real Mosquitto are recorded once: a long one in which everything happens, one
with a primary host that comes and goes, one in MQTT 3.1.1. What does not concern us is listed with the reason.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from spb import Connect, Message, listen, properties, reason, said, topics, value_of
from wire import Packet

from gateway.uplink.sparkplug import format as spb_format
from gateway.uplink.sparkplug.wire import parse

IDENTIFIERS = (Path(__file__).parent / "assertions.txt").read_text().split()
CHECKS: dict[str, tuple[str, Callable[["Record"], None]]] = {}
DATA = ("NDATA", "DDATA")
BIRTHS = ("NBIRTH", "DBIRTH")
NUMBERED = (*BIRTHS, *DATA, "DDEATH")
FORBIDDEN = set("+/#")
DATATYPES = range(1, 35)
"""Sparkplug 3.0 clause 6.4.16."""


@dataclass
class Record:
    """What went over the wire, and what a subscriber received."""

    packets: list[Packet] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    """Where in the packets something happened."""
    began_s: float = field(default_factory=time.time)

    def said(self, *verbs: str, link: int | None = None, after: str | None = None, before: str | None = None) -> Any:
        begin, end = self.marks[after] if after else 0, self.marks[before] if before else None
        return said(self.packets[begin:end], *verbs, link=link)

    def ours(self, kind: str) -> list[Packet]:
        return [packet for packet in self.packets if packet.ours and packet.kind == kind]

    @property
    def connects(self) -> list[Connect]:
        return [Connect.of(packet) for packet in self.ours("connect")]

    @property
    def links(self) -> list[int]:
        return [packet.link for packet in self.ours("connect")]


RECORDS: dict[str, Record | Exception] = {}
"""Each story once, or why it could not be told."""


def mark(record: Record, stage: Any, name: str) -> None:
    record.marks[name] = len(stage.wire.packets)


async def long_story(stage: Any, record: Record) -> None:
    """Births, data, an alarm, a rebirth, a device that dies and comes back, 300 messages, a cut, a stop."""
    edge = stage.edge
    publisher = stage.start()
    await stage.until(lambda: len(stage.said("DBIRTH")) == 2)
    edge.put(
        edge.summary(231.0, s=60),
        edge.change(0.0, s=61),
        edge.change(9.0, point="p", device="feeder2", s=61, quality=1),
    )
    edge.alarms.append(edge.alarm())
    edge.put(edge.alarm())
    await stage.until(lambda: len(stage.said("NDATA")) == 2 and len(stage.said("DDATA")) == 3)
    mark(record, stage, "rebirth")
    stage.command(Rebirth=True)
    await stage.until(lambda: len(stage.said("DBIRTH")) == 4)
    mark(record, stage, "reborn")
    await stage.until(lambda: len(stage.said("DDATA")) == 6)  # what the host may have missed goes again
    edge.put(*(edge.change(n % 2, s=100 + n) for n in range(300)))
    await stage.until(lambda: len(stage.said("DDATA")) == 306)
    mark(record, stage, "dead")
    edge.links["feeder2"] = False
    await stage.until(lambda: stage.said("DDEATH"))
    edge.links["feeder2"] = True
    await stage.until(lambda: len(stage.said("DBIRTH")) == 5)
    edge.put(edge.summary(233.0, s=500))
    await stage.until(lambda: len(stage.said("DDATA")) == 307)
    stage.wire.cut()
    await stage.until(lambda: len(stage.said("DDATA", link=2)) == 304)
    await publisher.drain(5.0)
    await stage.until(lambda: stage.wire.packets[-1].kind == "disconnect")
    await stage.host.until(lambda host: sum("/NDEATH/" in message.topic for message in host.messages) >= 3)


async def host_story(stage: Any, record: Record) -> None:
    """Nobody is there, strangers and liars speak, the host comes, goes, and comes back."""
    stage.start(primary_host="scada")
    await stage.until(lambda: any(packet.kind == "suback" for packet in stage.wire.packets))
    stage.edge.put(stage.edge.change(0.0))
    await stage.edge.store.flush()
    stage.state(False, 1000)
    stage.state(True, 2000, host="Scada")
    await stage.until(lambda: sum(p.kind == "publish" and not p.ours for p in stage.wire.packets) >= 1)
    stage.state(True, 999)
    await stage.until(lambda: sum(p.kind == "publish" and not p.ours for p in stage.wire.packets) >= 2)
    mark(record, stage, "online")
    stage.state(True, 3000)
    await stage.until(lambda: stage.said("DDATA"))
    stage.state(False, 2999)
    stage.edge.put(stage.edge.change(1.0, s=60))
    await stage.until(lambda: len(stage.said("DDATA")) == 2)
    mark(record, stage, "offline")
    stage.state(False, 4000)
    await stage.until(lambda: stage.wire.accepted == 2 and stage.wire.packets[-1].kind in ("suback", "publish"))
    mark(record, stage, "back")
    stage.state(True, 5000)
    await stage.until(lambda: len(stage.said("DDATA", link=2)) == 2)


async def old_story(stage: Any, _record: Record) -> None:
    """A short life in MQTT 3.1.1."""
    publisher = stage.start()
    publisher._version = "3.1.1"
    await stage.until(lambda: len(stage.said("DBIRTH")) == 2)
    await publisher.drain(5.0)
    await stage.until(lambda: stage.wire.packets[-1].kind == "disconnect")


STORIES = {"long": long_story, "host": host_story, "old": old_story}


@pytest.fixture
def tell(request, monkeypatch):
    """Return a function that tells a story, once for all tests; the stage is set only then."""

    async def told(name: str) -> Record:
        if name not in RECORDS:
            monkeypatch.setattr(spb_format, "REBIRTH_EVERY_S", 0.1)
            try:
                async with request.getfixturevalue("make_stage")() as stage:
                    RECORDS[name] = record = Record()
                    await STORIES[name](stage, record)
                    record.packets, record.heard = list(stage.wire.packets), list(stage.host.messages)
            except (AssertionError, OSError) as failed:
                RECORDS[name] = failed
        found = RECORDS[name]
        if isinstance(found, Exception):
            raise found
        return found

    return told


def states(*identifiers: str, story: str = "long") -> Callable[[Callable[[Record], None]], Callable[[Record], None]]:
    """Say which statements a check proves, on which record."""

    def enter(check: Callable[[Record], None]) -> Callable[[Record], None]:
        for identifier in identifiers:
            assert identifier not in CHECKS, identifier
            CHECKS[identifier] = story, check
        return check

    return enter


def every_metric(messages: list[Message]) -> list[Any]:
    return [metric for message in messages for metric in message.payload.metrics]


@states("topic-structure", "topic-structure-namespace-a", "intro-group-id-string", "intro-edge-node-id-string")
@states("topic-structure-namespace-valid-group-id", "topic-structure-namespace-valid-edge-node-id")
@states("intro-group-id-chars", "intro-edge-node-id-chars")
def topics_of_the_node(record):
    """namespace/group/verb/node, with the namespace of Sparkplug B, and no character that a topic forbids."""
    for message in record.said():
        namespace, group, _, node, *_ = message.packet.topic.split("/")
        assert (namespace, group, node) == ("spBv1.0", "hill", "gw1")
        assert not FORBIDDEN & set(group + node)


@states("intro-device-id-string", "intro-device-id-chars", "topic-structure-namespace-valid-device-id")
@states("topic-structure-namespace-device-id-associated-message-types")
@states("topic-structure-namespace-device-id-non-associated-message-types")
def topics_of_devices(record):
    """Messages of devices name one, those of the node do not."""
    for message in record.said():
        assert bool(message.device) == message.verb.startswith("D")
        assert not FORBIDDEN & set(message.device)


@states("topic-structure-namespace-unique-device-id")
def a_device_is_born_under_one_name(record):
    """Within one birth sequence each device is born once."""
    names = [message.device for message in record.said("DBIRTH", before="rebirth")]
    assert sorted(set(names)) == sorted(names)


@states("case-sensitivity-metric-names")
def names_differ_not_only_in_case(record):
    """No two metrics of one birth have names that differ in case only."""
    for message in record.said(*BIRTHS):
        assert len({name.casefold() for name in message.names}) == len(message.names)


@states("principles-persistence-clean-session-50")
def a_clean_start(record):
    """MQTT 5: clean start, and no session expiry beyond the connection."""
    for connect in record.connects:
        assert (connect.version, connect.clean) == (5, True)
        assert b"\x11" not in connect.properties[:1]  # no Session Expiry Interval: 0


@states("principles-persistence-clean-session-311", story="old")
def a_clean_session(record):
    """MQTT 3.1.1: clean session."""
    assert [(connect.version, connect.clean) for connect in record.connects] == [(4, True)]


@states("message-flow-edge-node-birth-publish-will-message", "payloads-ndeath-will-message")
@states("message-flow-edge-node-birth-publish-will-message-topic", "topics-ndeath-topic")
@states("message-flow-edge-node-birth-publish-will-message-qos", "payloads-ndeath-will-message-qos")
@states("message-flow-edge-node-birth-publish-will-message-will-retained", "payloads-ndeath-will-message-retain")
def the_will(record):
    """Each CONNECT has an NDEATH as its will, QoS 1, not retained."""
    for connect in record.connects:
        assert (connect.topic, connect.qos, connect.retain) == ("spBv1.0/hill/NDEATH/gw1", 1, False)


@states("message-flow-edge-node-birth-publish-will-message-payload", "topics-ndeath-payload", "payloads-ndeath-bdseq")
@states("topics-ndeath-seq", "payloads-ndeath-seq")
def the_wills_payload(record):
    """A payload with the one metric bdSeq, and no seq."""
    for connect in record.connects:
        will = parse(connect.payload)
        assert not will.HasField("seq")
        assert [metric.name for metric in will.metrics] == ["bdSeq"]
    for message in record.said("NDEATH"):
        assert not message.payload.HasField("seq")
        assert message.names == ["bdSeq"]


@states("message-flow-edge-node-birth-publish-will-message-payload-bdSeq", "topics-nbirth-bdseq-increment")
def bdseq_counts_connects(record):
    """INT64, from 0, one more with each CONNECT."""
    found = [parse(connect.payload).metrics[0] for connect in record.connects]
    assert [metric.long_value for metric in found] == [0, 1]
    assert {metric.datatype for metric in found} == {4}


@states("topics-nbirth-bdseq-included", "topics-nbirth-bdseq-matching", "payloads-nbirth-bdseq")
@states("message-flow-edge-node-birth-publish-nbirth-payload-bdSeq", "payloads-nbirth-bdseq-repeat")
@states("operational-behavior-data-commands-rebirth-action-3")
def births_bear_the_number_of_their_will(record):
    """Each NBIRTH, a rebirth too, has the bdSeq of its connection's will."""
    for link, connect in zip(record.links, record.connects, strict=True):
        births = record.said("NBIRTH", link=link)
        assert births
        for birth in births:
            assert birth["bdSeq"].long_value == parse(connect.payload).metrics[0].long_value
            assert birth["bdSeq"].datatype == 4


@states("message-flow-edge-node-birth-publish-connect", "message-flow-edge-node-ncmd-subscribe")
def the_node_listens_before_it_is_born(record):
    """CONNACK, then a subscription to NCMD with QoS 1 and its SUBACK, then NBIRTH."""
    for link in record.links:
        packets = [packet for packet in record.packets if packet.link == link]
        kinds = [packet.kind for packet in packets]
        assert kinds[:4] == ["connect", "connack", "subscribe", "suback"]
        assert topics(packets[2]) == {"spBv1.0/hill/NCMD/gw1": 1}
        assert record.said(link=link)[0].verb == "NBIRTH"


@states("principles-birth-certificates-order", "payloads-dbirth-order", "message-flow-device-birth-publish-nbirth-wait")
@states("payloads-ndata-order", "payloads-ddata-order", "operational-behavior-data-commands-rebirth-action-2")
@states("topics-dbirth-metrics", "topics-nbirth-metrics", "operational-behavior-data-publish-nbirth")
@states("operational-behavior-data-publish-dbirth", "topics-ndata-payload", "topics-ddata-payload")
@states("payloads-sequence-num-incrementing", "payloads-dbirth-seq-inc", "payloads-ndata-seq-inc")
@states("payloads-ddata-seq-inc", "payloads-ddeath-seq-inc", "topics-dbirth-seq", "topics-ndata-seq-num")
@states("topics-ddata-seq-num", "topics-ddeath-seq-num", "payloads-ddeath-seq-number")
@states("message-flow-device-birth-publish-dbirth-payload-seq")
def a_host_follows_without_a_fault(record):
    """A host that checks every rule of order finds every metric born, and seq rising by one, 255 to 0."""
    host = listen([message.packet for message in record.said()])
    assert host.faults == []
    assert host.sessions == 3
    assert {message.payload.seq for message in record.said(*NUMBERED)} == set(range(256))
    for link in record.links:
        sequence = [message.verb for message in record.said(link=link)]
        assert sequence[:3] == ["NBIRTH", "DBIRTH", "DBIRTH"]


@states("topics-nbirth-topic", "message-flow-edge-node-birth-publish-nbirth-topic")
def topic_of_nbirth(record):
    """spBv1.0/group/NBIRTH/node."""
    assert {message.packet.topic for message in record.said("NBIRTH")} == {"spBv1.0/hill/NBIRTH/gw1"}


@states("topics-dbirth-topic", "message-flow-device-birth-publish-dbirth-topic")
@states("message-flow-device-birth-publish-dbirth-match-edge-node-topic")
def topic_of_dbirth(record):
    """spBv1.0/group/DBIRTH/node/device, with group and node of the NBIRTH."""
    expected = {f"spBv1.0/hill/DBIRTH/gw1/{device}" for device in ("feeder1", "feeder2")}
    assert {message.packet.topic for message in record.said("DBIRTH")} == expected


@states("topics-ndata-topic")
def topic_of_ndata(record):
    """spBv1.0/group/NDATA/node."""
    assert {message.packet.topic for message in record.said("NDATA")} == {"spBv1.0/hill/NDATA/gw1"}


@states("topics-ddata-topic")
def topic_of_ddata(record):
    """spBv1.0/group/DDATA/node/device."""
    expected = {f"spBv1.0/hill/DDATA/gw1/{device}" for device in ("feeder1", "feeder2")}
    assert {message.packet.topic for message in record.said("DDATA")} == expected


@states("topics-ddeath-topic")
def topic_of_ddeath(record):
    """spBv1.0/group/DDEATH/node/device."""
    assert [message.packet.topic for message in record.said("DDEATH")] == ["spBv1.0/hill/DDEATH/gw1/feeder2"]


@states("topics-nbirth-mqtt", "payloads-nbirth-qos", "payloads-nbirth-retain")
@states("message-flow-edge-node-birth-publish-nbirth-qos", "message-flow-edge-node-birth-publish-nbirth-retained")
@states("topics-dbirth-mqtt", "payloads-dbirth-qos", "payloads-dbirth-retain")
@states("message-flow-device-birth-publish-dbirth-qos", "message-flow-device-birth-publish-dbirth-retained")
@states("topics-ndata-mqtt", "payloads-ndata-qos", "payloads-ndata-retain")
@states("topics-ddata-mqtt", "payloads-ddata-qos", "payloads-ddata-retain", "topics-ddeath-mqtt")
def births_and_data_are_qos_0(record):
    """Births, data and deaths of devices: QoS 0, not retained."""
    assert {(m.packet.qos, m.packet.retain) for m in record.said(*NUMBERED)} == {(0, False)}


@states("topics-nbirth-seq-num", "payloads-nbirth-seq", "payloads-sequence-num-zero-nbirth")
@states("message-flow-edge-node-birth-publish-nbirth-payload-seq")
def nbirth_begins_at_0(record):
    """The seq of every NBIRTH is 0."""
    assert {message.payload.seq for message in record.said("NBIRTH")} == {0}


@states("payloads-sequence-num-always-included", "payloads-dbirth-seq", "payloads-ndata-seq", "payloads-ddata-seq")
@states("payloads-ddeath-seq")
def seq_is_always_there(record):
    """Every message but NDEATH has a seq."""
    assert all(message.payload.HasField("seq") for message in record.said(*NUMBERED))


@states("topics-nbirth-timestamp", "payloads-nbirth-timestamp", "topics-dbirth-timestamp", "payloads-dbirth-timestamp")
@states("topics-ndata-timestamp", "payloads-ndata-timestamp", "topics-ddata-timestamp", "payloads-ddata-timestamp")
@states("payloads-ddeath-timestamp", "payloads-timestamp-in-UTC")
def payloads_tell_when_they_were_sent(record):
    """Every payload has the time of its publication: milliseconds since 1970, UTC."""
    for message in record.said():
        assert int(record.began_s * 1000) <= message.payload.timestamp <= time.time() * 1000


@states("message-flow-edge-node-birth-publish-nbirth-payload", "message-flow-device-birth-publish-dbirth-payload")
def births_are_payloads(record):
    """Births are encoded as Sparkplug payloads: nothing is left over that the layout does not know."""
    for message in record.said(*BIRTHS):
        assert len(message.payload.metrics) >= 4
        assert not list(UnknownFieldSet(message.payload))


@states("topics-nbirth-metric-reqs", "topics-dbirth-metric-reqs", "payloads-metric-datatype-req")
@states("payloads-metric-datatype-value", "payloads-metric-datatype-value-type")
@states("operational-behavior-data-publish-nbirth-values", "operational-behavior-data-publish-dbirth-values")
def births_tell_name_datatype_and_value(record):
    """Every metric of a birth has a name, a datatype of the specification, and a value, or says that it has none."""
    for metric in every_metric(record.said(*BIRTHS)):
        assert metric.name
        assert metric.datatype in DATATYPES
        assert (metric.WhichOneof("value") is None) == metric.is_null


@states("topics-nbirth-rebirth-metric", "payloads-nbirth-rebirth-req")
@states("operational-behavior-data-commands-rebirth-name", "operational-behavior-data-commands-rebirth-datatype")
@states("operational-behavior-data-commands-rebirth-value")
@states("operational-behavior-data-commands-rebirth-name-aliases")
def the_rebirth_metric(record):
    """Every NBIRTH has Node Control/Rebirth: Boolean, false, without an alias."""
    for birth in record.said("NBIRTH"):
        metric = birth["Node Control/Rebirth"]
        assert (metric.datatype, metric.WhichOneof("value"), metric.boolean_value) == (11, "boolean_value", False)
        assert not metric.HasField("alias")


@states("payloads-name-requirement", "payloads-alias-birth-requirement")
def births_tell_names_and_aliases(record):
    """Births tell both for every metric; only the rebirth metric must not have an alias."""
    for metric in every_metric(record.said(*BIRTHS)):
        assert metric.HasField("alias") == (metric.name != "Node Control/Rebirth")


@states("payloads-alias-data-cmd-requirement", "payloads-metric-datatype-not-req")
def data_tells_aliases_only(record):
    """Data has an alias, no name and no datatype."""
    for metric in every_metric(record.said(*DATA)):
        assert (metric.HasField("alias"), metric.HasField("name"), metric.HasField("datatype")) == (True, False, False)


@states("payloads-alias-uniqueness")
def aliases_are_unique(record):
    """No two metrics of the node and its devices share an alias."""
    births = record.said(*BIRTHS, before="rebirth")
    aliases = [metric.alias for metric in every_metric(births) if metric.HasField("alias")]
    assert len(set(aliases)) == len(aliases)


@states("payloads-name-birth-data-requirement", "payloads-metric-timestamp-in-UTC")
def every_metric_has_its_time(record):
    """Every metric of births and data has a timestamp in milliseconds, UTC: these lie within half an hour."""
    now_ms = time.time() * 1000
    for metric in every_metric(record.said(*BIRTHS, *DATA)):
        assert now_ms - 1_800_000 < metric.timestamp <= now_ms


@states("operational-behavior-data-publish-nbirth-order", "operational-behavior-data-publish-dbirth-order")
def live_values_are_in_order(record):
    """Within a payload, and from payload to payload, live values of a metric have rising times."""
    last: dict[tuple[str, int], int] = {}
    for message in record.said(*BIRTHS, *DATA):
        live = [metric for metric in message.payload.metrics if not metric.is_historical]
        assert [m.timestamp for m in live] == sorted(m.timestamp for m in live)
        for metric in live:
            before = 0 if message.verb in BIRTHS else last.get((message.device, metric.alias), 0)
            assert metric.timestamp >= before
            last[message.device, metric.alias] = metric.timestamp


@states("principles-rbe-recommended", "operational-behavior-data-publish-nbirth-change")
@states("operational-behavior-data-publish-dbirth-change")
def data_is_sent_by_exception(record):
    """No live metric of data says what it said before: neither its value nor its quality is the same."""
    told: dict[tuple[str, int], Any] = {}
    compared = 0
    for message in record.said(*BIRTHS, *DATA, before="dead"):
        for metric in message.payload.metrics:
            now = value_of(metric), properties(metric).get("Quality", 192)
            if message.verb in DATA and not metric.is_historical:
                assert now != told[message.device, metric.alias]
                compared += 1
            if not metric.is_historical:
                told[message.device, metric.alias] = now
    assert compared > 300


@states("operational-behavior-data-commands-rebirth-action-1")
def a_rebirth_stops_data(record):
    """Between the request for a rebirth and its last DBIRTH there is no data."""
    verbs = [message.verb for message in record.said(after="rebirth", before="reborn")]
    assert verbs[verbs.index("NBIRTH") :][:3] == ["NBIRTH", "DBIRTH", "DBIRTH"]
    assert not set(verbs) & set(DATA)


@states("operational-behavior-device-ddeath")
def a_lost_device_dies(record):
    """A device that is lost has a DDEATH, and a DBIRTH before its next data."""
    verbs = [(message.verb, message.device) for message in record.said(after="dead", link=1)]
    assert verbs[:2] == [("DDEATH", "feeder2"), ("DBIRTH", "feeder2")]


@states("operational-behavior-edge-node-intentional-disconnect-ndeath", "payloads-ndeath-will-message-publisher")
@states("operational-behavior-edge-node-intentional-disconnect-packet")
def a_stop_is_told(record):
    """Before it leaves the node publishes NDEATH with the number of its birth, and right behind it DISCONNECT."""
    kinds = [packet.kind for packet in record.packets if packet.ours]
    last = record.said()[-1]
    assert kinds[-2:] == ["publish", "disconnect"]
    assert (last.verb, last.packet.retain, last["bdSeq"].long_value) == ("NDEATH", False, 1)


@states("payloads-ndeath-will-message-publisher-disconnect-mqtt50")
def a_stop_in_mqtt_5(record):
    """DISCONNECT has the reason 0x04, with will message."""
    assert [reason(packet) for packet in record.ours("disconnect")] == [4]
    assert (
        sum("/NDEATH/" in message.topic for message in record.heard) == 3
    )  # of the cut; of the stop, by us and the broker


@states("payloads-ndeath-will-message-publisher-disconnect-mqtt311", story="old")
def a_stop_in_mqtt_311(record):
    """NDEATH goes before DISCONNECT."""
    assert [packet.kind for packet in record.packets if packet.ours][-2:] == ["publish", "disconnect"]
    assert record.said()[-1].verb == "NDEATH"


@states("payloads-propertyset-keys-array-size", "payloads-propertyset-values-array-size")
@states("payloads-metric-propertyvalue-type-type", "payloads-metric-propertyvalue-type-value")
@states("payloads-metric-propertyvalue-type-req")
def properties_are_whole(record):
    """A property set has as many values as keys, and each value its type."""
    found = [metric.properties for metric in every_metric(record.said(*BIRTHS, *DATA)) if metric.HasField("properties")]
    assert found
    for each in found:
        assert len(each.keys) == len(each.values)
        assert {value.type for value in each.values} <= set(DATATYPES)


@states("payloads-propertyset-quality-value-type", "payloads-propertyset-quality-value-value")
def qualities_are_those_of_sparkplug(record):
    """A Quality is an Int32 of 0, 192 or 500."""
    found = [
        value
        for metric in every_metric(record.said(*BIRTHS, *DATA))
        for key, value in zip(metric.properties.keys, metric.properties.values, strict=True)
        if key == "Quality"
    ]
    assert found
    assert {(value.type, value.WhichOneof("value")) for value in found} == {(3, "int_value")}
    assert {value.int_value for value in found} <= {0, 192, 500}


@states("payloads-dataset-column-size", "payloads-dataset-column-num-headers", "payloads-dataset-types-def")
@states("payloads-dataset-types-num", "payloads-dataset-types-type", "payloads-dataset-types-value")
@states("payloads-dataset-parameter-type-req", "payloads-template-dataset-value")
def tables_are_whole(record):
    """A data set has as many columns as it says, a type for each, and values of the simple kinds in its rows."""
    kinds = {"int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value"}
    metrics = every_metric(record.said(*BIRTHS, *DATA))
    tables = [metric.dataset_value for metric in metrics if metric.WhichOneof("value") == "dataset_value"]
    assert any(table.rows for table in tables)
    for table in tables:
        assert table.num_of_columns == len(table.columns) == len(table.types)
        assert set(table.types) <= set(range(1, 15))
        for row in table.rows:
            assert len(row.elements) == len(table.columns)
            assert {element.WhichOneof("value") for element in row.elements} <= kinds


@states("operational-behavior-primary-application-state-with-multiple-servers-state-subs", story="host")
@states("message-flow-edge-node-birth-publish-phid-wait-id", story="host")
def the_node_listens_to_its_host(record):
    """The node subscribes to the STATE of its own primary host, and to no other."""
    for packet in record.ours("subscribe"):
        assert topics(packet) == {"spBv1.0/STATE/scada": 1, "spBv1.0/hill/NCMD/gw1": 1}


@states("message-flow-edge-node-birth-publish-phid-wait", story="host")
@states("message-flow-edge-node-birth-publish-phid-wait-online", story="host")
@states("message-flow-edge-node-birth-publish-phid-wait-timestamp", story="host")
@states("operational-behavior-edge-node-birth-sequence-wait", story="host")
def nobody_is_born_before_the_host(record):
    """Neither a host that is offline, nor a stranger, nor a word older than the last one brings a birth."""
    assert record.said(before="online") == []
    first = record.said(after="online")
    assert [message.verb for message in first[:4]] == ["NBIRTH", "DBIRTH", "DBIRTH", "DDATA"]
    assert all(metric.is_historical for metric in first[3].payload.metrics)


@states("operational-behavior-edge-node-termination-host-offline-timestamp", story="host")
def an_old_word_of_the_host_is_none(record):
    """An offline that is older than the last online changes nothing: data goes on."""
    assert [message.verb for message in record.said(after="online", before="offline")][-1] == "DDATA"
    assert not record.ours("disconnect")[:-1]


@states("message-flow-edge-node-birth-publish-phid-offline", story="host")
@states("operational-behavior-edge-node-termination-host-offline", story="host")
@states("operational-behavior-primary-application-state-with-multiple-servers-walk", story="host")
def the_node_leaves_when_its_host_does(record):
    """NDEATH and DISCONNECT follow when the host is offline."""
    ours = [packet for packet in record.packets[record.marks["offline"] :] if packet.ours and packet.link == 1]
    assert [packet.kind for packet in ours if packet.kind not in ("pingreq", "puback")] == ["publish", "disconnect"]
    assert [message.verb for message in record.said(after="offline", link=1)] == ["NDEATH"]


@states("operational-behavior-edge-node-termination-host-offline-reconnect", story="host")
def the_node_connects_again(record):
    """It comes to the one server there is, and waits there, until the host is back; what it had told goes again."""
    assert record.said(after="offline", before="back", link=2) == []
    verbs = [message.verb for message in record.said(after="back")]
    assert verbs[:5] == ["NBIRTH", "DBIRTH", "DBIRTH", "DDATA", "DDATA"]


@states("operational-behavior-primary-application-state-with-multiple-servers-single-server", story="host")
def one_server_at_a_time(record):
    """The second connection begins after the first has ended."""
    links = [packet.link for packet in record.packets if packet.ours]
    assert links == sorted(links)


@pytest.mark.parametrize("identifier", CHECKS)
async def test_assertion(identifier, tell):
    """The statement of the specification holds on what was really sent."""
    story, check = CHECKS[identifier]
    check(await tell(story))


HOST = "on host applications"
SERVER = "on MQTT servers"
TEMPLATE = "on templates: none are sent"
WRITES = "on commands to devices: the gateway never writes to one, so it neither subscribes to DCMD nor answers it"
NAMES = "on names that the operator chooses; the gateway cannot know those of others"
PERMISSION = "a permission, which nothing can break"
NOT_OURS = {
    **dict.fromkeys(("conformance-primary-host", "intro-sparkplug-host-state", "components-ph-state"), HOST),
    "intro-edge-node-id-uniqueness": NAMES,
    "topic-structure-namespace-unique-edge-node-descriptor": NAMES,
    "payloads-nbirth-edge-node-descriptor": NAMES,
    "case-sensitivity-sparkplug-ids": NAMES,
    "topic-structure-namespace-duplicate-device-id-across-edge-node": PERMISSION,
    "topics-nbirth-templates": TEMPLATE,
    "message-flow-device-dcmd-subscribe": WRITES,
    "operational-behavior-primary-application-state-with-multiple-servers-state": HOST,
}
"""Statements that do not concern this edge node, and why; whole families by their beginning, below."""
FAMILIES = {
    "conformance-mqtt-": SERVER,
    "host-topic-": HOST,
    "message-flow-phid-": HOST,
    "message-flow-hid-": HOST,
    "operational-behavior-edge-node-termination-host-action-": HOST,
    "operational-behavior-host-": HOST,
    "operational-behavior-data-commands-ncmd-": HOST,
    "operational-behavior-data-commands-dcmd-": HOST,
    "payloads-state-": HOST,
    "topics-ncmd-": HOST,
    "payloads-ncmd-": HOST,
    "topics-dcmd-": HOST,
    "payloads-dcmd-": HOST,
    "payloads-name-cmd-": HOST,
    "payloads-template-": TEMPLATE,
}


def excused(identifier: str) -> Any:
    return NOT_OURS.get(identifier) or next(
        (why for start, why in FAMILIES.items() if identifier.startswith(start)), None
    )


def test_every_statement_is_tested_or_explained():
    """No identifier of the specification is forgotten, and none is both."""
    forgotten = [identifier for identifier in IDENTIFIERS if identifier not in CHECKS and not excused(identifier)]

    assert forgotten == []
    assert set(CHECKS) <= set(IDENTIFIERS)
    assert not set(CHECKS) & set(NOT_OURS)
    assert len(IDENTIFIERS) == len(set(IDENTIFIERS)) == 299
