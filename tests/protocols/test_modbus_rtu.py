"""RTU frames: found in noise, in echoes and in pieces, and a late answer is never the answer to what was asked next."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from protocols.modbus.codec import Refusal, Request, Violation
from protocols.modbus.mbap import Mbap
from protocols.modbus.pace import silences
from protocols.modbus.planner import Block
from protocols.modbus.rtu import FORGET_S, LARGEST_FRAME, MOST_ABANDONED, NOISE_SHOWN, Rtu, checksum

READ = Request.read(Block("holding", 5, 2))
OTHER = Request.read(Block("holding", 90, 2))
LONG = Request.read(Block("holding", 5, 125))
WHO = Request.identify(1, 0)
GOOD = b"\0\5\0\6"
LATE = b"\1\1\1\1"


def adu(unit, pdu):
    return (message := bytes([unit]) + pdu) + FramerRTU.compute_CRC(message).to_bytes(2, "big")


def answer(data, unit=1, function=3):
    return adu(unit, bytes([function, len(data)]) + data)


def asked(request=READ, *, unit=1, lenient=False):
    rtu = Rtu()
    rtu.ask(unit, request, lenient=lenient)
    return rtu


def feed(framing, chunks):
    """Return the answers that come out of `chunks`, and what is left over."""
    data, found = b"", []
    for chunk in chunks:
        data += chunk
        while data:
            taken, one = framing.take(memoryview(data))
            if not taken:
                break
            data = data[taken:]
            if one is not None:
                found.append(one)
    return found, data


@given(st.binary(max_size=300))
def test_the_checksum_is_that_of_another_implementation(message):
    """CRC-16 of Serial Line V1.02, as pymodbus has it."""
    assert FramerRTU.compute_CRC(message).to_bytes(2, "big") == checksum(message)


def test_the_checksum_of_the_specification():
    """Serial Line V1.02, clause 6.2.2: 02 07 makes 41 12."""
    assert checksum(b"\x02\x07") == b"\x41\x12"


@pytest.mark.parametrize(
    ("baud", "t15", "t35"),
    [(1200, 0.01375, 0.032083), (9600, 0.001719, 0.00401), (19200, 0.000859, 0.002005), (115200, 0.00075, 0.00175)],
)
def test_silences_are_those_of_the_specification(baud, t15, t35):
    """Serial Line V1.02, clause 2.5.1.1: 1.5 and 3.5 characters of 11 bits, fixed above 19200."""
    assert silences(baud) == pytest.approx((t15, t35), rel=1e-3)


@pytest.mark.parametrize("cut", range(len(answer(GOOD))))
def test_an_answer_in_two_pieces(cut):
    """Wherever a line, an adapter or a converter cuts it."""
    whole = answer(GOOD)

    assert feed(asked(), [whole[:cut], whole[cut:]]) == ([GOOD], b"")


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_an_answer_is_found_in_noise(before, after):
    """Whatever stands before it, byte by byte or at once; what comes after is not an answer."""
    stream = before + answer(GOOD) + after

    for chunks in ([stream], [bytes([byte]) for byte in stream]):
        assert feed(asked(), chunks)[0] == [GOOD]


def test_noise_is_kept_for_whoever_looks_for_its_cause():
    """Its first bytes, and no more than that."""
    rtu = asked()
    feed(rtu, [bytes(range(100, 200))])

    assert rtu.noise == bytes(range(100, 100 + NOISE_SHOWN))
    rtu.ask(1, READ, lenient=False)
    assert rtu.noise == b""


def test_an_exception_is_a_refusal():
    """Its length is told by the function."""
    assert feed(asked(), [adu(1, b"\x83\2")]) == ([Refusal(2)], b"")


def test_the_largest_frame():
    """256 bytes: Serial Line V1.02, clause 2.5.1."""
    data = bytes(250)

    assert feed(asked(LONG), [answer(data)]) == ([data], b"")
    assert Rtu().room(WHO) == LARGEST_FRAME
    assert Rtu().room(LONG) == len(answer(data))


def test_an_identification_says_its_own_length():
    """Object by object, in any pieces."""
    pdu = bytes.fromhex("2b 0e 01 81 00 00 02 00 03 414243 01 02 5858")

    for chunks in ([adu(1, pdu)], [bytes([byte]) for byte in adu(1, pdu)]):
        assert feed(asked(WHO), chunks) == ([pdu[2:]], b"")


def test_an_identification_that_lies_about_its_length_is_noise():
    """No frame is longer than 256 bytes."""
    pdu = bytes.fromhex("2b 0e 01 81 00 00 ff") + b"\0\xff" * 128

    found, left = feed(asked(WHO), [adu(1, pdu)])
    assert found == []
    assert len(left) < 3


@pytest.mark.parametrize("request_", [READ, Request.read(Block("holding", 0x0400, 2))], ids=["low", "like a count"])
def test_an_echo_of_our_own_request_is_no_answer(request_):
    """Two wires and a receiver that stays on: what we said comes first, then the answer."""
    rtu = Rtu()
    echo = rtu.ask(1, request_, lenient=False)
    for chunks in ([echo + answer(GOOD)], [bytes([byte]) for byte in echo + answer(GOOD)]):
        rtu.ask(1, request_, lenient=False)
        assert feed(rtu, chunks) == ([GOOD], b"")
        assert rtu.noise == b""


def test_an_answer_that_looks_like_the_echo_is_an_answer():
    """The first eight bytes may be the same; then the whole frame and its checksum decide."""
    rtu = Rtu()
    echo = rtu.ask(1, Request.read(Block("holding", 0x0400, 2)), lenient=False)
    same = echo + b"\0"
    assert adu(1, same[1:-2]) == same

    assert feed(rtu, [bytes([byte]) for byte in same]) == ([same[3:7]], b"")


def test_another_unit_is_noise_unless_lenient():
    """Some gateways put their own number into every answer."""
    assert feed(asked(), [answer(GOOD, unit=9)])[0] == []
    assert feed(asked(lenient=True), [answer(GOOD, unit=9)])[0] == [GOOD]


@pytest.mark.parametrize(
    "stranger",
    [
        answer(GOOD, unit=2),
        answer(GOOD, function=4),
        answer(b"\0\5"),
        adu(1, b"\x06\0\5\0\6"),
        answer(GOOD)[:-1] + b"?",
    ],
    ids=["unit", "function", "count", "a write", "checksum"],
)
def test_frames_that_answer_something_else_are_noise(stranger):
    """The answer behind them is found."""
    assert feed(asked(), [stranger])[0] == []
    assert feed(asked(), [stranger, answer(GOOD)])[0] == [GOOD]


def gave_up(*requests):
    """Return a framing that gave up these, at time 0."""
    rtu = Rtu()
    for request in requests:
        rtu.ask(1, request, lenient=False)
        rtu.give_up(0.0)
    return rtu


def test_a_late_answer_of_another_size_is_dropped_and_counted():
    """The caller gets what was asked."""
    rtu = gave_up(LONG)
    assert rtu.in_step(1, READ, 1.0) is None
    rtu.ask(1, READ, lenient=False)

    assert feed(rtu, [answer(bytes(250)), answer(GOOD)]) == ([GOOD], b"")
    assert rtu.late == {1: 1}


def test_a_late_answer_of_the_same_size_cannot_come_next():
    """The unit is asked for something of another size first; once that is answered, nothing older can come."""
    rtu = gave_up(READ)
    first = rtu.in_step(1, OTHER, 1.0)
    assert first is not None
    assert (first.function, first.size, first.pdu[1:3]) == (3, 2, OTHER.pdu[1:3])
    rtu.ask(1, first, lenient=False)
    assert feed(rtu, [answer(LATE), answer(b"\0\7")])[0] == [b"\0\7"]
    assert rtu.late == {1: 1}

    assert rtu.in_step(1, OTHER, 1.0) is None


def test_a_refusal_does_not_bring_a_unit_into_step():
    """It may be the late one; only data has a size."""
    rtu = gave_up(READ)
    rtu.ask(1, rtu.in_step(1, OTHER, 1.0), lenient=False)
    feed(rtu, [adu(1, b"\x83\2")])

    assert rtu.in_step(1, OTHER, 1.0) is not None


def test_other_units_and_functions_are_in_step():
    """Their answers cannot be taken for the late one."""
    rtu = gave_up(READ)

    assert rtu.in_step(2, OTHER, 1.0) is None
    assert rtu.in_step(1, Request.read(Block("input", 5, 2)), 1.0) is None
    assert rtu.in_step(1, WHO, 1.0) is None


def test_what_was_given_up_is_forgotten():
    """After half a minute no unit answers; a silent one is not asked for ever longer things."""
    rtu = gave_up(READ)

    assert rtu.in_step(1, OTHER, FORGET_S - 1) is not None
    assert rtu.in_step(1, OTHER, FORGET_S) is None


def test_a_silent_unit_is_asked_for_something_new_each_time():
    """However often it is given up, no two waited-for answers look alike; and their number is bounded."""
    rtu, seen = Rtu(), set()
    for turn in range(MOST_ABANDONED):
        request = rtu.in_step(1, READ, turn / 10) or READ
        assert request.size not in seen
        seen.add(request.size)
        rtu.ask(1, request, lenient=False)
        rtu.give_up(turn / 10)
    for unit in range(2, 200):
        rtu.ask(unit, READ, lenient=False)
        rtu.give_up(0.0)

    assert len(rtu._abandoned) == MOST_ABANDONED


@given(st.integers(0, 3), st.integers(0, 65_535), st.sets(st.integers(1, 99), max_size=99))
def test_a_request_unlike_others_is_a_legal_one(table, start, sizes):
    """Within the address space, within the limits of one request, and near what was asked."""
    name = ("coil", "discrete", "holding", "input")[table]
    sizes = sizes if table < 2 else {2 * size for size in sizes}
    request = Request.read(Block(name, start, 1)).unlike(sizes)
    first, count = int.from_bytes(request.pdu[1:3], "big"), int.from_bytes(request.pdu[3:5], "big")

    assert Request.read(Block(name, first, count)) == request
    assert first + count <= 65_536
    assert start in range(first, first + count)
    assert request.size not in sizes


@given(st.data())
def test_a_slow_unit_never_gives_a_value_to_the_wrong_address(data):
    """A unit that answers in order, however late, or not at all: every answer is the one to its request."""
    rtu, owed, now = Rtu(), [], 0.0
    for _ in range(data.draw(st.integers(1, 30))):
        wanted = Request.read(Block("holding", data.draw(st.integers(0, 3)) * 8, data.draw(st.integers(1, 3))))
        request = rtu.in_step(1, wanted, now) or wanted
        rtu.ask(1, request, lenient=False)
        owed.append(request)
        got = None
        for _ in range(data.draw(st.integers(0, len(owed)))):
            said = owed.pop(0)
            if data.draw(st.booleans()):
                continue  # this one is never answered
            first = said.pdu[1] << 8 | said.pdu[2]
            values = b"".join((first + n).to_bytes(2, "big") for n in range(said.size // 2))
            found, left = feed(rtu, [answer(values)])
            assert left == b""
            got = found or got
        if got:
            assert int.from_bytes(got[0][:2], "big") == request.pdu[1] << 8 | request.pdu[2]
        rtu.give_up(now)
        now += 0.5


def mutated(chance, frames):
    """Return a stream of frames, some of them damaged."""
    stream = bytearray(b"".join(chance.choices(frames, k=4)))
    for _ in range(chance.randrange(6)):
        at = chance.randrange(len(stream) + 1)
        match chance.randrange(4):
            case 0:
                stream[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del stream[at : at + chance.randrange(1, 9)]
            case 2:
                stream[at:at] = chance.randbytes(chance.randrange(1, 9))
            case 3:
                stream[at:at] = stream[: chance.randrange(9)]
    return bytes(stream)


def hammer(seed, rounds):
    """Feed mutated frames to both framers; each must take its bytes, or end in a violation."""
    chance = random.Random(seed)
    who = bytes.fromhex("2b 0e 01 81 00 00 02 00 03 414243 01 02 5858")
    requests = [READ, LONG, WHO, Request.read(Block("coil", 3, 9))]
    pdus = [b"\3\4" + GOOD, b"\3\xfa" + bytes(250), b"\x83\2", who, b"\1\2\5\1", b"\xab\1"]
    lines = [adu(1, pdu) for pdu in pdus] + [Rtu().ask(1, READ, lenient=False)]
    networks = [b"\0\1\0\0" + (len(pdu) + 1).to_bytes(2, "big") + b"\1" + pdu for pdu in pdus]
    rtu = Rtu()
    for turn in range(rounds):
        request, lenient = chance.choice(requests), chance.random() < 0.1
        rtu.ask(1, request, lenient=lenient)
        _, left = feed(rtu, [mutated(chance, lines)])
        assert len(left) < LARGEST_FRAME
        rtu.give_up(turn)
        rtu.in_step(1, request, turn)
        mbap = Mbap()
        mbap.ask(1, request, lenient=lenient)
        try:
            feed(mbap, [mutated(chance, networks)])
        except Violation:
            continue


def test_mutated_frames():
    """Both framers raise nothing but violations, and keep no more than one frame."""
    hammer(1, 1_000)


@pytest.mark.slow
def test_three_hundred_thousand_mutated_frames():
    """The same, for long: four frames in each of 37,500 streams, for both framers."""
    hammer(2, 37_500)
