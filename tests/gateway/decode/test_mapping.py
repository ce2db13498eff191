"""`gridsentinel decode URL ADDRESS --map`: which blocks answer."""

from gateway.decode.mapping import Part, joined


async def test_blocks_that_answer_are_found(serve, decode):
    """Islands in a refusing map come out with their exact borders."""
    table = dict.fromkeys(range(100, 113), 5) | dict.fromkeys(range(300, 302), 0) | {777: 1}
    async with serve({"holding": table}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "holding:0", "--map", "--pause", 0, "--most", 9999, "--json")

    parts = [(one["first"], one["count"], one["not_zero"]) for one in said.json["parts"] if one["outcome"] == "answers"]
    assert said.code == 0
    assert parts == [("holding:100", 13, 13), ("holding:300", 2, 0), ("holding:777", 1, 1)]
    assert sum(one["count"] for one in said.json["parts"]) == 1000


async def test_it_is_bounded_and_says_what_it_does_not_know(serve, decode):
    """After --most requests it stops; large blocks come first, and what was not reached is named."""
    async with serve({"holding": dict.fromkeys(range(500, 625), 1)}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "holding:0", "--map", "--most", 10, "--pause", 0, "--json")
        page = await decode(f"tcp://127.0.0.1:{port}", "holding:0", "--map", "--most", 10, "--pause", 0)

    assert said.json["requests"] == 10
    assert {"first": "holding:500", "count": 125, "outcome": "answers", "not_zero": 125} in said.json["parts"]
    assert any(one["outcome"] == "not known" for one in said.json["parts"])
    assert page.out.splitlines()[-1].startswith("not known: refused together or not asked")


async def test_bits_and_the_end_of_the_table(serve, decode):
    """Discrete inputs are mapped alike, to the last address."""
    async with serve({"discrete": dict.fromkeys(range(65_000, 65_536), 1)}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "discrete:65000", "--map", "--json")

    assert said.json["asked"]["count"] == 536
    assert [(one["first"], one["count"]) for one in said.json["parts"]] == [("discrete:65000", 536)]


async def test_nothing_answers(serve, decode):
    """Exit 1, and what to try."""
    async with serve({"holding": {5000: 1}}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "input:0", "--map", "--count", 8, "--pause", 0)

    assert said.code == 1
    assert "answers nothing from input:0 to 7" in said.err


def test_neighbours_of_one_outcome_are_one():
    """Parts come by address, joined where they touch."""
    parts = [Part(4, 8, "answers", 1), Part(0, 4, "answers", 2), Part(9, 10, "answers"), Part(8, 9, "no")]

    assert joined(parts) == [Part(0, 8, "answers", 3), Part(8, 9, "no"), Part(9, 10, "answers")]
