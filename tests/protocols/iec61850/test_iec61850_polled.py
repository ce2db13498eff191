"""Reading in turns, from a server that cannot answer much at once."""

import math

import pytest
from open61850.data import FloatData
from open61850.mms.pdu import ObjectName
from open61850.mms.types import PrimitiveType, StructureType
from open61850.server import protocol

from protocols.model import Quality

COUNT = 20
POINTS = {f"m{index}": f"LD/GGIO1.AnIn{index}.mag.f[MX]" for index in range(COUNT)}
MEASURAND = StructureType([("mag", StructureType([("f", PrimitiveType("float", 32))]))])
NODE = StructureType([(f"AnIn{index}", MEASURAND) for index in range(COUNT)])
IDENTIFY, READ, TYPE, MEMBERS = 2, 4, 6, 12
RESOURCE, ACCESS = 3, 7
"""Classes of service errors."""


class Small:
    """Answers at most `most` variables at once; `asked` are how many were asked each time, -1 for a data set.

    The value of each is `number` of the digits in its name.
    """

    def __init__(self, most, error_class=RESOURCE):
        self.most, self.error_class, self.asked, self.number = most, error_class, [], float

    def __call__(self, asked):
        match asked.service:
            case service if service == IDENTIFY:
                return protocol.confirmed_response(asked.invoke_id, 2, protocol.identify_response("a", "b", "c"))
            case service if service == TYPE:
                told = protocol.get_variable_access_attributes_response(NODE)
            case service if service == MEMBERS:
                names = [ObjectName(f"GGIO1$MX$AnIn{index}$mag$f", "LD") for index in range(COUNT)]
                told = protocol.get_named_variable_list_attributes_response(names)
            case _:
                return self._read(asked)
        return protocol.confirmed_response(asked.invoke_id, asked.service, told)

    def _read(self, asked):
        names, _ = protocol.read_request(asked.content)
        if not isinstance(names, ObjectName) and "NamPlt" in names[0].item:
            return protocol.confirmed_error(asked.invoke_id, ACCESS, 0)
        whole = isinstance(names, ObjectName)
        self.asked.append(-1 if whole else len(names))
        if whole or len(names) > self.most:
            return protocol.confirmed_error(asked.invoke_id, self.error_class, 0)
        values = [FloatData(self.number(name.item.split("$")[2].removeprefix("AnIn"))) for name in names]
        return protocol.confirmed_response(asked.invoke_id, READ, protocol.read_response(values))


async def test_what_is_too_much_is_halved(raw, heard):
    """Until it fits, and it is not asked for so much again."""
    raw.answer = small = Small(6)
    reader = await heard(raw.port, POINTS).connect()
    await reader.poll()
    await reader.poll()
    await reader.driver.close()

    assert small.asked == [20, 10, 5, 5, 10, 5, 5, 5, 5, 5, 5]
    assert [batch.values.tolist() for batch in reader.batches] == [[float(index) for index in range(COUNT)]] * 2


async def test_a_data_set_that_is_too_much(raw, heard):
    """Is read by its variables, at once and from then on."""
    raw.answer = small = Small(COUNT)
    reader = await heard(raw.port, POINTS, data_sets=("LD/LLN0.ds",)).connect()
    await reader.poll()
    await reader.poll()
    await reader.driver.close()

    assert small.asked == [-1, 20, 20]
    assert [batch.values.tolist() for batch in reader.batches] == [[float(index) for index in range(COUNT)]] * 2


async def test_a_data_set_that_is_refused(raw, heard):
    """For another reason: its points are bad references, and it is said."""
    raw.answer = Small(COUNT, ACCESS)
    reader = await heard(raw.port, POINTS, data_sets=("LD/LLN0.ds",)).connect()
    await reader.poll()
    await reader.driver.close()

    assert set(reader.batches[0].quality.tolist()) == {Quality.INVALID | Quality.BAD_REFERENCE}
    assert len(reader.events("refused")) == 1


async def test_questions_end_with_the_first_that_fails(raw, heard):
    """A device that falls silent is not asked for the types of its other nodes one time-out after the other."""
    nodes = {f"m{index}": f"LD/GGIO{index}.AnIn1.mag.f[MX]" for index in range(100)}
    reader = await heard(raw.port, nodes, timeout_s=0.3).connect()
    asked = []
    raw.answer = asked.append
    with pytest.raises(TimeoutError):
        await reader.poll()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await reader.drain()
    await reader.driver.close()

    assert len(asked) <= 5 + 5 + 2  # at once, those whose turn it was as these failed, and whether it is there


async def test_a_value_that_is_no_finite_number(raw, heard):
    """Infinity, and what becomes of it by a scale of nothing, is handed on as it is, without a warning."""
    raw.answer = small = Small(COUNT)
    small.number = lambda _: math.inf
    points = {"a": {"address": POINTS["m0"], "scale": 2.0}, "b": {"address": POINTS["m1"], "scale": 0.0}}
    reader = await heard(raw.port, points).connect()
    await reader.poll()
    await reader.driver.close()

    assert reader.batches[0].values.tolist() == pytest.approx([math.inf, math.nan], nan_ok=True)
