"""`gridsentinel decode` of an OPC UA server: one of asyncua, which is another implementation than our session."""

import asyncio
from contextlib import asynccontextmanager
from struct import pack

import pytest
from asyncua import Server, ua
from asyncua.ua.ua_binary import struct_to_binary

from gateway.config.loader import load
from gateway.decode.opcua import MOST_CONTINUED, _references
from protocols.opcua.binary import Reader, Violation
from protocols.opcua.browse import browsed
from protocols.opcua.codec import Service
from protocols.opcua.config import Address

URI = "urn:plant;1"


@asynccontextmanager
async def serving(port, more=0):
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/plant")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(URI)
    t1 = await server.nodes.objects.add_object(ua.NodeId("T1", index), ua.QualifiedName("T1", index))
    await t1.add_variable(ua.NodeId("T1.OilTemp", index), ua.QualifiedName("OilTemp", index), 61.5)
    await t1.add_variable(ua.NodeId("T1.Fan", index), ua.QualifiedName("Fan", index), True)
    await t1.add_variable(ua.NodeId("T1.Name", index), ua.QualifiedName("Name", index), "transformer 1")
    for number in range(more):
        await t1.add_variable(ua.NodeId(number + 1, index), ua.QualifiedName(f"M{number}", index), float(number))
    async with server:
        yield f"opc.tcp://127.0.0.1:{port}/plant"


async def test_variables_are_found(decode, unused_tcp_port, tmp_path):
    """Numbers and states with their paths, by the name of their namespace; the YAML loads as an include."""
    async with serving(unused_tcp_port) as url:
        said = await decode(url, "--json", "--timeout", 5)
        page = await decode(url, "--timeout", 5)

    assert said.code == 0, said.err
    assert said.json["device"]["points"] == [
        {"name": "T1.OilTemp", "address": "nsu=urn:plant%3B1;s=T1.OilTemp"},
        {"name": "T1.Fan", "address": "nsu=urn:plant%3B1;s=T1.Fan", "type": "bool"},
    ]
    assert said.json["now"] == {"T1.OilTemp": "61.5", "T1.Fan": "1"}
    assert said.json["left_out"] == {"no single number": 1}

    (tmp_path / "hmi.yaml").write_text(page.out)
    main = tmp_path / "gateway.yaml"
    main.write_text("gateway: {site: a, name: b}\nuplink: {url: mqtt://h}\ninclude: [hmi.yaml]\n")
    [device] = load(main).devices
    assert [point.place.uri for point in device.points] == [URI, URI]


async def test_browsing_is_bounded(decode, unused_tcp_port):
    """--most bounds the nodes, and it is said that there are more."""
    async with serving(unused_tcp_port, more=200) as url:
        said = await decode(url, "--most", 60, "--timeout", 5)
        whole = await decode(url, "--timeout", 5, "--json")

    assert "there are more nodes: ask again with a higher --most" in said.out
    assert said.out.count("- {name") <= 60
    assert len(whole.json["device"]["points"]) == 202
    assert whole.json["whole"]


async def test_nobody_answers(decode, unused_tcp_port):
    """Exit 1, and what to check."""
    said = await decode(f"opc.tcp://127.0.0.1:{unused_tcp_port}", "--timeout", 0.5)

    assert said.code == 1
    assert "check address, port and security" in said.err


class Paging:
    """A server that gives three references at a time; it never ends if `endless`."""

    def __init__(self, *, endless):
        self.asked = []
        self._endless = endless

    async def ask(self, service, _parameters):
        self.asked.append(service)
        number = len(self.asked)
        more = b"more" if self._endless or number < 3 else None
        nodes = [ua.NodeId(f"n{number}.{index}", 1) for index in range(3)]
        references = [
            ua.ReferenceDescription(NodeId=node, BrowseName=ua.QualifiedName(node.Identifier, 1)) for node in nodes
        ]
        result = ua.BrowseResult(ContinuationPoint=more, References=references)
        return Reader(pack("<i", 1) + struct_to_binary(result))


async def test_long_answers_are_continued():
    """What the server gives in parts is put together."""
    server = Paging(endless=False)
    [found] = await _references(server, [Address.parse("ns=1;s=folder")])

    assert len(found) == 9
    assert server.asked == [Service.BROWSE, Service.BROWSE_NEXT, Service.BROWSE_NEXT]


async def test_an_endless_answer_ends():
    """A server that always has more is asked so often and no more."""
    server = Paging(endless=True)
    await _references(server, [Address.parse("ns=1;s=folder")])

    assert len(server.asked) == 1 + MOST_CONTINUED


@pytest.mark.parametrize("data", [b"", b"\x01\x00\x00\x00", b"\xff\xff\xff\x7f" + bytes(20)])
def test_illegal_answers(data):
    """They are violations, nothing else."""
    with pytest.raises(Violation):
        browsed(Reader(data))


async def test_something_else_answers_nothing(decode):
    """A server of another protocol that waits for sense is left after twice the time-out, in a sentence."""
    over = asyncio.Event()

    async def listen(reader, writer):
        while await reader.read(4096):
            pass
        writer.close()
        over.set()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        said = await decode(f"opc.tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", "--timeout", 0.1)
        await over.wait()

    assert said.code == 1
    assert said.err.endswith("no answer to the connection; check address, port and security\n")
