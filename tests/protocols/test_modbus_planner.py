"""The planner asks for every value with the fewest requests."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.planner import Block, Limits, cover, plan

LIMITS = st.builds(
    Limits,
    max_registers=st.integers(4, 12),
    max_bits=st.integers(1, 40),
    max_gap=st.integers(0, 3),
)


@st.composite
def layouts(draw, tables=("coil", "holding", "input"), most=9):
    """Neighbouring values that do not overlap, as the configuration demands, and some that are refused."""
    values = []
    for table in draw(st.sets(st.sampled_from(tables), min_size=1)):
        address = draw(st.integers(0, 3))
        for _ in range(draw(st.integers(1, most))):
            width = 1 if table == "coil" else draw(st.sampled_from((1, 2, 4)))
            values.append(Block(table, address, width))
            address += width + draw(st.sampled_from((0, 0, 1, 2, 3, 4, 17, 33)))
    refused = draw(st.lists(st.sampled_from(values), max_size=3, unique=True)) if len(values) > 1 else []
    cuts = draw(st.sets(st.sampled_from(values), max_size=2))
    good = [value for value in values if value not in refused]
    return draw(st.permutations(good)), refused, frozenset(cuts)


def allowed(members, limits, refused, cuts):
    """Judge one request by the rules alone, address by address."""
    block = cover(members)
    wanted = {address for member in members for address in range(member.start, member.end)}
    holes = {address for each in refused if each.table == block.table for address in range(each.start, each.end)}
    gap = longest = 0
    for address in range(block.start, block.end):
        gap = 0 if address in wanted else gap + 1
        longest = max(longest, gap)
        if address in holes and address not in wanted:
            return False
    most, across = (limits.max_bits, 16 * limits.max_gap) if block.bits else (limits.max_registers, limits.max_gap)
    return block.count <= most and longest <= across and not any(member in cuts for member in members[1:])


def fewest(values, limits, refused, cuts):
    """Return the fewest requests by trying every partition of neighbours."""
    ordered = sorted(values, key=lambda value: (value.table, value.start))

    @cache
    def best(start):
        if start == len(ordered):
            return 0
        ends = [
            end
            for end in range(start + 1, len(ordered) + 1)
            if len({value.table for value in ordered[start:end]}) == 1
            and allowed(tuple(ordered[start:end]), limits, refused, cuts)
        ]
        return 1 + min(best(end) for end in ends)

    return best(0)


@given(layouts(), LIMITS)
def test_every_value_is_asked_exactly_once_and_whole(layout, limits):
    """Each value is a member of one request, which covers all of it."""
    values, refused, cuts = layout

    runs = plan(values, limits, refused=refused, cuts=cuts)

    assert sorted(values, key=repr) == sorted((member for members in runs for member in members), key=repr)
    for members in runs:
        block = cover(members)
        assert all(
            block.table == each.table and block.start <= each.start and each.end <= block.end for each in members
        )


@given(layouts(), LIMITS)
def test_every_request_keeps_the_rules(layout, limits):
    """No request is over the limits, reads across too wide a gap or what was refused, or joins across a cut."""
    values, refused, cuts = layout

    for members in plan(values, limits, refused=refused, cuts=cuts):
        assert allowed(members, limits, refused, cuts)


@given(layouts(), LIMITS)
def test_there_are_no_more_requests_than_needed(layout, limits):
    """Greedy is optimal: brute force over all partitions finds no shorter plan."""
    values, refused, cuts = layout

    assert fewest(values, limits, refused, cuts) == len(plan(values, limits, refused=refused, cuts=cuts))


def test_bits_of_a_register_share_it():
    """Sixteen bits and the register itself are one register to ask, as is a bit of a wider value."""
    values = [Block("holding", 7, 1)] * 17 + [Block("holding", 6, 2)]

    assert [(Block("holding", 6, 2), Block("holding", 7, 1))] == plan(values, Limits())


def test_a_thousand_registers_take_eight_requests():
    """1,000 neighbouring registers are 8 requests of 125."""
    runs = plan([Block("holding", n, 1) for n in range(1000)], Limits())

    assert [Block("holding", n, 125) for n in range(0, 1000, 125)] == [cover(members) for members in runs]


def test_no_values_no_requests():
    """Nothing to ask is an empty plan."""
    assert plan([], Limits()) == []
