"""What is normal: learned for a while, then frozen; what is new waits for a person; never more than fits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from detectors.cyber.baseline import FACTS_MAX, VALUE_MAX, WAITING_MAX, Baseline

LEARN_NS = 100


def learned(*keys, value=""):
    """Return a baseline that knows `keys`, and does not learn any more at time 200."""
    found = Baseline(LEARN_NS)
    found.begin("wire", 0)
    for key in keys:
        found.meet("check", key, 1, value)
    return found


def test_a_fact_is_learned_then_known_and_afterwards_new():
    """The end of the learning is exact, and what is new stays new until it is approved."""
    found = learned("a")

    assert found.meet("check", "b", LEARN_NS - 1) == "learned"
    assert [found.meet("check", key, LEARN_NS) for key in ("a", "b", "c", "c")] == ["known", "known", "new", "new"]
    assert [(fact.key, fact.count) for fact in found.waiting()] == [("c", 2)]

    assert found.approve("check", "c", by="anna", now_ns=201).by == "anna"
    assert found.meet("check", "c", 202) == "known"
    assert found.approve("check", "c", by="anna", now_ns=203) is None


def test_another_value_waits_and_the_old_one_stays_normal():
    """Firmware 2 is told each time, until a person says that it is normal; then firmware 1 is not."""
    found = learned("firmware", value="1")

    assert [found.meet("check", "firmware", 200, value) for value in ("2", "1", "2")] == ["changed", "known", "changed"]
    found.approve("check", "firmware", by="anna", now_ns=201)
    assert [found.meet("check", "firmware", 202, value) for value in ("2", "1")] == ["known", "changed"]


def test_a_check_that_sees_something_late_does_not_learn_it():
    """All checks learn at the same time: the first write after months is no habit."""
    found = learned("a")

    assert found.meet("another", "first ever", 200) == "new"


def test_a_second_view_is_learned_when_it_opens():
    """A tap that is added to a gateway of old has its own time to learn; nothing begins it anew."""
    found = learned("a")
    found.begin("own", 1000)
    found.begin("wire", 1050)

    assert found.meet("check", "b", 1099) == "learned"
    assert found.meet("check", "c", 1100) == "new"


def test_to_learn_anew_begins_with_what_is_seen_next():
    """One check, while all others stay as they are."""
    found = learned("a", "b")
    found.meet("other", "x", 1)
    found.relearn("check")

    assert not any(fact.check == "check" for fact in found.facts())
    assert found.meet("other", "y", 5000) == "new"
    assert [found.meet("check", key, at) for key, at in (("c", 5000), ("d", 5099), ("e", 5100))] == [
        "learned", "learned", "new",
    ]  # fmt: skip


def test_frozen_it_takes_nothing():
    """By a person, or by the configuration."""
    by_person, by_file = learned(), Baseline(LEARN_NS, frozen=True)
    by_person.freeze()

    assert [each.meet("check", "a", 2) for each in (by_person, by_file)] == ["new", "new"]
    assert [each.share("check", 2) for each in (by_person, by_file)] == [1.0, 1.0]


def test_first_use_tells_who_it_is_at_any_time_but_forgets_nobody():
    """A device that is added is taken as it is; a flood of them pushes out nothing that was learned."""
    found = learned("a")
    for number in range(FACTS_MAX + 10):
        found.meet("check", f"new{number}", 200, "v", first_use=True)

    assert found.meet("check", "new0", 201, "w") == "changed"
    assert found.knows("check", "a")
    assert found.meet("check", f"new{FACTS_MAX + 5}", 202, "v", first_use=True) == "new"
    assert sum(1 for _ in found.facts()) == FACTS_MAX


@pytest.mark.parametrize(
    "told", [{}, {"v": 2}, [], None, {"v": 1, "facts": 3}, {"v": 1, "facts": [[1]], "waiting": []}]
)
def test_what_is_no_baseline_changes_nothing(told):
    """A file that was damaged is refused whole."""
    found = learned("a")
    with pytest.raises(ValueError, match="baseline"):
        found.take_up(told)

    assert found.knows("check", "a")


@given(st.text(max_size=400))
def test_a_number_is_a_number_whatever_stands_there(text):
    """What a person wrote into the file where a number belongs is none."""
    found = learned("a", value=text)

    assert abs(found.number("check", "a")) < float("inf")


class Life(RuleBasedStateMachine):
    """Anything in any order, and a restart between."""

    def __init__(self):
        super().__init__()
        self.found, self.now_ns = Baseline(LEARN_NS), 0
        self.found.begin("wire", 0)

    @rule(key=st.text(max_size=3), value=st.sampled_from(["", "1", "2"]), first=st.booleans(), after=st.integers(0, 30))
    def meet(self, key, value, first, after):
        self.now_ns += after
        known, before = self.found.knows("check", key), self.found.value("check", key)
        learning = self.found.learning("check", self.now_ns)
        verdict = self.found.meet("check", key, self.now_ns, value, first_use=first)
        expected = {
            (True, True): "known" if before == value else "learned",
            (True, False): "known" if before == value else "changed",
            (False, True): "learned",
            (False, False): "learned" if first else "new",
        }[known, learning]
        assert verdict == expected

    @rule(key=st.text(max_size=3))
    def approve(self, key):
        waits = any(fact.key == key for fact in self.found.waiting())
        assert (self.found.approve("check", key, by="anna", now_ns=self.now_ns) is not None) is waits

    @rule(word=st.sampled_from([None, "check"]))
    def relearn(self, word):
        self.found.relearn(word)

    @rule()
    def restart(self):
        told = json.loads(json.dumps(self.found.told()))
        self.found = Baseline(LEARN_NS)
        self.found.take_up(told)
        assert json.loads(json.dumps(self.found.told())) == told

    @invariant()
    def what_waits_is_not_normal(self):
        normal = {(fact.key, fact.value) for fact in self.found.facts()}
        assert not normal & {(fact.key, fact.value) for fact in self.found.waiting()}


TestLife = Life.TestCase


def test_a_file_that_is_longer_than_the_bounds_is_cut():
    """Whoever wrote it."""
    found, long = learned(), [["check", f"k{number}", "", 1, 1, 1, ""] for number in range(FACTS_MAX + 10)]
    found.take_up({"v": 1, "frozen": False, "since": {}, "facts": long, "waiting": long})

    assert (sum(1 for _ in found.facts()), sum(1 for _ in found.waiting())) == (FACTS_MAX, WAITING_MAX)


def test_it_never_grows_beyond_its_bounds():
    """Facts, what waits, and the length of each."""
    found = learned()
    for number in range(FACTS_MAX + 500):
        found.meet("check", f"{number}" + "x" * 1000, 1)
    for number in range(WAITING_MAX + 500):
        found.meet("check", f"w{number}", 300)

    assert sum(1 for _ in found.facts()) == FACTS_MAX
    assert sum(1 for _ in found.waiting()) == WAITING_MAX
    assert found.forgotten == 1000
    assert max(len(fact.key) for fact in found.facts()) == VALUE_MAX
