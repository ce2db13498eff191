"""The consumer's book: what is missing, explained, twice or contradictory, and that it stays bounded."""

import random

import completeness
import pytest
from completeness import Book, Ledger, Verdict
from runs import Runs, covered


def message(seq, text="", **keys):
    return {"v": 1, "stream": "telemetry", "seq": seq, "historical": False, "text": text, **keys}


def gap(first, last, lost=None):
    return {"from_seq": first, "to_seq": last, "lost": last - first + 1 if lost is None else lost}


def settled(book, last):
    book.told(last, 0)
    return book


def test_runs_are_a_set():
    """Whatever is added in whatever order, runs say what a set would say, and never touch."""
    randomly = random.Random(1)
    runs, numbers = Runs(), set()
    for _ in range(500):
        first = randomly.randint(1, 3000)
        last = first + randomly.randint(0, 12)
        assert runs.count(first, last) == len(numbers & set(range(first, last + 1)))
        runs.add(first, last)
        numbers |= set(range(first, last + 1))

        assert [n for first, last in runs for n in range(first, last + 1)] == sorted(numbers)
    holes = [n for first, last in runs.holes(4000) for n in range(first, last + 1)]
    assert holes == sorted(set(range(1, 4001)) - numbers)
    ends = [end for run in runs for end in run]
    assert all(later - earlier > 1 for earlier, later in zip(ends[1::2], ends[2::2], strict=False))


def test_what_never_came_is_missing():
    """Every number up to the last status with which nothing waited, whether or not a later one came."""
    book = Book()
    for seq in (1, 2, 5, 9):
        assert book.enter(message(seq)) is Verdict.NEW
    book.told(9, waiting=3)
    assert (book.missing(), book.outstanding()) == ([], [(3, 4), (6, 8)])
    settled(book, 11)

    assert (book.missing(), book.outstanding()) == ([(3, 4), (6, 8), (10, 11)], [])
    assert not book.complete


def test_a_gap_explains():
    """What a gap lists is explained; told again, or grown, it explains no more than that."""
    book = settled(Book(), 10)
    for seq in (1, 2, 9, 10):
        book.enter(message(seq))
    book.explain(gap(3, 5))
    book.explain({**gap(6, 8, lost=2), "numbers": [[6, 8, 2]]})

    assert (book.missing(), book.explained(), book.hidden()) == ([(7, 7)], 5, 0)
    book.explain(gap(3, 8))
    assert (book.missing(), book.explained(), book.complete) == ([], 6, True)


def test_a_gap_that_tells_only_how_many():
    """Numbers between its bounds are explained up to that count; more of them hide, and are not explained."""
    book = settled(Book(), 10)
    for seq in (1, 2, 9, 10):
        book.enter(message(seq))
    book.explain(gap(1, 9, lost=4))
    book.explain(gap(2, 8, lost=3))

    assert (book.missing(), book.explained(), book.hidden(), book.complete) == ([], 6, 2, False)
    book.explain(gap(4, 5))
    assert (book.hidden(), book.complete) == (0, True)


def test_twice_the_same_and_twice_different():
    """A repetition that became historical is a duplicate; one that says something else is a contradiction."""
    book = settled(Book(), 1)
    verdicts = [book.enter(message(1, "a")), book.enter({**message(1, "a"), "historical": True})]

    assert [*verdicts, book.complete] == [Verdict.NEW, Verdict.DUPLICATE, True]
    assert book.enter(message(1, "b")) is Verdict.CONTRADICTORY
    assert not book.complete


def test_merged_windows_stand_for_what_they_cover():
    """Bounds alone, or exact numbers between those of other devices; what came of them before is replaced."""
    book = settled(Book(), 8)
    assert book.enter(message(4, covers=[1, 4])) is Verdict.NEW
    assert book.enter(message(8, covers=[5, 8], numbers=[[5, 5], [8, 8]])) is Verdict.NEW
    assert book.missing() == [(6, 7)]
    assert book.enter(message(6)) is Verdict.NEW
    assert book.enter(message(7, covers=[6, 7])) is Verdict.MERGED
    assert book.enter(message(7, covers=[6, 7])) is Verdict.DUPLICATE
    assert book.enter(message(6)) is Verdict.DUPLICATE
    assert book.complete


def test_windows_of_many_devices():
    """Every tenth number of ten devices, merged by device in whatever order: each stands for its own, all for all."""
    book, randomly = settled(Book(), 10_000), random.Random(1)
    devices = list(range(1, 11))
    randomly.shuffle(devices)
    for device in devices:
        last = 9_990 + device
        said = message(last, covers=[device, last], numbers=[[device, last, 10]])
        assert (book.enter(said), book.enter(said)) == (Verdict.NEW, Verdict.DUPLICATE)

    assert book.complete
    assert list(book._came) == [(1, 10_000)]


@pytest.mark.parametrize(
    "said",
    [
        {"seq": 0},
        {"seq": True},
        {"seq": "1"},
        {},
        {"seq": 4, "covers": [1, 5]},
        {"seq": 4, "covers": [5, 4]},
        {"seq": 4, "covers": [1, 4], "numbers": [[2, 4]]},
        {"seq": 4, "covers": [1, 4], "numbers": [[1, 3], [2, 4]]},
        {"seq": 4, "covers": [1, 4], "numbers": [[1, 1], [4, 3]]},
        {"seq": 4, "covers": [1, 4], "numbers": [[1, 4, 2]]},
        {"seq": 4, "covers": [1, 4], "numbers": [[1, 4, 3, 1]]},
        {"seq": 4, "covers": [1, 4], "numbers": []},
        {"seq": 4, "covers": 4},
        {"seq": 10**15 + 1, "covers": [1, 10**15 + 1], "numbers": [[1, 10**15 + 1, 10]]},
    ],
)
def test_numbers_that_are_none(said):
    """A message that does not say what it covers contradicts."""
    assert covered(said) is None
    assert Book().enter(said) is Verdict.CONTRADICTORY


def test_the_book_is_bounded(monkeypatch):
    """At their bounds the oldest hole is given up, which is not complete, and old repetitions are not verified."""
    monkeypatch.setattr(completeness, "RUNS_MAX", 10)
    monkeypatch.setattr(completeness, "REMEMBERED", 10)
    monkeypatch.setattr(completeness, "GAPS_MAX", 2)
    book = settled(Book(), 1)
    for seq in range(1, 101, 2):
        book.enter(message(seq))
    for first in (2, 5, 8):
        book.explain(gap(first, first + 2, lost=1))

    assert book.given_up == 40
    assert len(list(book._came)) == 10
    assert not book.complete
    assert book.enter(message(1)) is Verdict.DUPLICATE
    assert book.unverified == 1
    assert book._vague == {(2, 7): 2, (8, 10): 1}


def test_a_book_that_was_kept_goes_on():
    """What is written and read again knows what came, what was explained and what is missing."""
    book = settled(Book(), 9)
    for seq in (1, 2, 6):
        book.enter(message(seq))
    book.explain(gap(3, 4))
    again = Book.from_json(completeness.json.loads(completeness.json.dumps(book.to_json())))

    assert again.to_json() == book.to_json()
    assert again.missing() == [(5, 5), (7, 9)]
    assert again.enter(message(6)) is Verdict.DUPLICATE


def test_a_ledger_that_begins_now():
    """What was given out before the first status is not asked for; a hole behind it is missing."""
    ledger = Ledger(from_now=True)
    status = {"store": {"last_seq": dict.fromkeys(ledger.books, 7), "waiting": dict.fromkeys(ledger.books, 0)}}
    ledger.enter("status", status)
    assert (ledger.complete, ledger.settled) == (True, True)
    ledger.enter("change", message(9))
    ledger.enter("status", {"store": {**status["store"], "last_seq": dict.fromkeys(ledger.books, 9)}})

    assert ledger.report()["change"]["missing"] == [(8, 8)]
    assert ledger.report()["alarm"]["missing"] == [(8, 9)]
