"""Alarms of what happens: once, again only when it is worse, over when it is quiet, and never many."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from detectors.cyber.episodes import DEVICES_MAX, OTHERS, QUIET_NS, SUBJECTS_MAX, Episodes
from detectors.model import Finding, Severity


def finding(subject="a", at_ns=0, severity=Severity.WARNING, device="d", rows=(), kind="scan"):
    return Finding("cyber", kind, device, severity, at_ns, f"{subject} does it", rows=rows, subject=subject)


def test_what_happens_again_is_said_once_and_over_when_it_was_quiet():
    """Its end tells how often it was seen."""
    episodes = Episodes()

    assert len(episodes.happens(finding())) == 1
    assert episodes.happens(finding(at_ns=QUIET_NS // 2), count=7) == ()
    assert episodes.tick(QUIET_NS) == []
    (over,) = episodes.tick(QUIET_NS + QUIET_NS // 2)
    assert (over.active, over.text) == (False, "a does it (seen 8 times, not for 5 min)")
    assert len(episodes.happens(finding(at_ns=2 * QUIET_NS))) == 1


def test_it_is_said_again_when_it_is_worse_only():
    """A warning that becomes critical, and is then a warning again."""
    episodes = Episodes()
    words = [Severity.WARNING, Severity.INFO, Severity.CRITICAL, Severity.WARNING, Severity.CRITICAL]

    assert [len(episodes.happens(finding(severity=word))) for word in words] == [1, 0, 1, 0, 0]
    (over,) = episodes.tick(QUIET_NS)
    assert over.severity is Severity.CRITICAL


def test_points_and_subjects_are_apart_as_the_names_of_their_alarms_are():
    """Two points of a device are two alarms; a subject is one, whatever its points."""
    episodes = Episodes()

    said = [episodes.happens(finding("", rows=(row,))) for row in (1, 2, 1)]
    said += [episodes.happens(finding("s", rows=(row,))) for row in (1, 2)]
    assert [len(each) for each in said] == [1, 1, 0, 1, 0]


def test_many_are_one_more_and_stay_so_until_it_is_over():
    """Of a flood that lasts, new alarms do not take the place of those that became quiet."""
    episodes = Episodes()
    said = [each for n in range(100) for each in episodes.happens(finding(f"s{n}"))]

    assert len(said) == SUBJECTS_MAX + 1
    assert (said[-1].subject, said[-1].device) == (OTHERS, "d")

    episodes.happens(finding("s99", at_ns=QUIET_NS // 2))
    assert len(episodes.tick(QUIET_NS)) == SUBJECTS_MAX
    assert episodes.happens(finding("s100", at_ns=QUIET_NS)) == ()
    assert len(episodes.tick(2 * QUIET_NS)) == 1
    assert len(episodes.happens(finding("s101", at_ns=2 * QUIET_NS))) == 1


def test_noise_about_one_device_does_not_drown_what_is_done_to_another():
    """The others of each device are an alarm of their own, of the first devices; more share that of the first."""
    episodes = Episodes()
    for n in range(100):
        episodes.happens(finding(f"s{n}", device="noise", severity=Severity.CRITICAL))
    said = [each for n in range(100) for each in episodes.happens(finding("x", device=f"d{n}"))]

    assert [(each.device, each.subject) for each in said] == [(f"d{n}", OTHERS) for n in range(DEVICES_MAX - 1)]


def test_something_worse_is_not_hidden_among_the_others():
    """The alarm of all others becomes critical with the first of them that is, and shows that one."""
    episodes = Episodes()
    for n in range(SUBJECTS_MAX + 5):
        episodes.happens(finding(f"s{n}"))

    (said,) = episodes.happens(finding("bad", severity=Severity.CRITICAL))
    assert (said.severity, said.subject, said.device) == (Severity.CRITICAL, OTHERS, "d")
    assert "bad does it" in said.text


def test_after_a_restart_what_is_active_is_not_said_again_and_ends():
    """That of all others, too."""
    before, after = Episodes(), Episodes()
    said = [each for n in range(30) for each in before.happens(finding(f"s{n}"))]
    after.resume(said)

    assert [after.happens(finding(f"s{n}")) for n in range(30)] == [()] * 30
    assert {(each.device, each.subject) for each in after.tick(QUIET_NS)} == {(e.device, e.subject) for e in said}


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3), st.integers(0, 120), st.booleans()), max_size=120))
def test_each_alarm_that_began_ends_once(happened):
    """Whatever happens in whatever order: no end without a beginning, none twice, and none of them stays for ever."""
    episodes, now_s, active = Episodes(), 0, {}
    for number, rank, after_s, tick in happened:
        now_s += after_s
        said = episodes.happens(finding(f"s{number}", now_s * 10**9, list(Severity)[rank], device=f"d{number % 3}"))
        if tick:
            said = [*said, *episodes.tick(now_s * 10**9)]
        for each in said:
            name = each.device, each.subject
            if each.active:
                assert name not in active or each.severity.rank > active[name]
                active[name] = each.severity.rank
            else:
                active.pop(name)
        assert len(active) <= SUBJECTS_MAX + 3
    for each in episodes.tick(now_s * 10**9 + QUIET_NS):
        active.pop((each.device, each.subject))

    assert active == {}


def test_kinds_do_not_take_room_from_one_another():
    """A flood of one kind leaves room for another."""
    episodes = Episodes()
    for n in range(100):
        episodes.happens(finding(f"s{n}"))

    assert episodes.happens(replace(finding("x"), kind="flood"))[0].subject == "x"
