"""The dialogue that each master has with each outstation of a conversation, and what is known of them beyond it."""

from typing import Final

from protocols.tap.dnp3.request import AUTHENTICATE, SILENT
from protocols.tap.moment import Moment
from protocols.tap.network.sweeps import Sweeps

DIALOGUES: Final = 64
"""Pairs of stations in one conversation: a terminal server has some dozens of outstations behind it."""
MASTERS: Final = 16
"""Master addresses that are remembered of one party; any more are new each time."""
NOTHING: Final = -1
"""No answer is expected."""
ANY: Final = -2
"""What is expected was not captured."""
SEQUENCE: Final = 0x0F
FIN: Final = 0x40


class Outstation:
    """What lasts longer than a connection: its restart bit, and the event classes it may tell by itself.

    `restarted` is the bit as it was last, None before the first. `enabled` has a bit for each class, None as long as
    neither an enabling nor a disabling nor a restart was seen.
    """

    __slots__ = ("enabled", "restarted")

    def __init__(self) -> None:
        self.restarted: bool | None = None
        self.enabled: int | None = None

    def unsolicited(self, classes: int, *, enable: bool) -> None:
        """A master enabled or disabled event classes."""
        before = self.enabled or 0
        self.enabled = before | classes if enable else before & ~classes

    def restart(self, *, bit: bool) -> bool:
        """Take the restart bit; return whether it rose, after which nothing is enabled (clause 5.1.1.1.1)."""
        rose = bit and self.restarted is False
        self.restarted = bit
        if rose:
            self.enabled = 0
        return rose


class Masters:
    """Master addresses that one party has used towards another."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: set[int] = set()

    def strange(self, address: int) -> bool:
        """Return whether others than this were used before it; from now on it is known."""
        if address in self._known:
            return False
        strange = bool(self._known)
        if len(self._known) < MASTERS:
            self._known.add(address)
        return strange


class Dialogue:
    """What was asked last, and what answer must come.

    `request` is the last fragment that is to be answered, `stranger` whether the master's address is new there, `spoke`
    whether it was said that the outstation tells by itself, `indications` what it sent last.
    """

    __slots__ = ("_expected", "_late", "_unsolicited", "indications", "master", "outstation", "request", "spoke",
                 "station", "stranger")  # fmt: skip

    def __init__(self, master: int, outstation: int, station: Outstation, *, expected: int) -> None:
        self.master, self.outstation, self.station = master, outstation, station
        self.request = b"\0\0"
        self.stranger = self.spoke = False
        self.indications = -1
        self._expected, self._late, self._unsolicited = expected, NOTHING, NOTHING

    def lost(self) -> None:
        """Frames were not captured: whatever comes next is right."""
        self._expected, self._unsolicited = ANY, NOTHING

    @property
    def waits(self) -> bool:
        """Whether an answer is to come."""
        return self._expected >= 0

    def asked(self, fragment: bytes) -> None:
        """The master asked."""
        function = fragment[1]
        if function in SILENT:
            return
        if self._expected >= 0:
            self._late = self._expected
        self._expected = fragment[0] & SEQUENCE
        if function != AUTHENTICATE:  # what the challenge was about is still to be answered
            self.request = fragment

    def answered(self, control: int) -> str:
        """The outstation answered; return why that is odd, empty if it is not."""
        sequence = control & SEQUENCE
        if self._expected in (sequence, ANY):
            self._expected = NOTHING if control & FIN else (sequence + 1) & SEQUENCE
            return ""
        if sequence == self._late:
            self._late = NOTHING
            return "late"
        return "request" if self._expected == NOTHING else "sequence"

    def told(self, control: int) -> bool:
        """The outstation told something by itself; return whether its sequence goes on from the one before."""
        sequence, last = control & SEQUENCE, self._unsolicited
        self._unsolicited = sequence
        return last == NOTHING or sequence in (last, (last + 1) & SEQUENCE)


class Dialogues:
    """All dialogues of a conversation, of which the one that was silent for longest makes room."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._dialogues: dict[int, Dialogue] = {}
        notes = moment.flow.notes
        self._sweeps = notes.remembered.recall("dnp3 units", lambda: Sweeps("unit", "dnp3", notes))

    def lost(self) -> None:
        """Frames were not captured."""
        for dialogue in self._dialogues.values():
            dialogue.lost()

    def between(self, master: int, outstation: int, *, asked: bool) -> Dialogue:
        """Return the dialogue of two stations; `asked` is whether it is the master who speaks."""
        pair = master << 16 | outstation
        dialogues = self._dialogues
        dialogue = dialogues.get(pair)
        if dialogue is None:
            dialogue = self._begin(master, outstation, asked=asked)
            if len(dialogues) >= DIALOGUES:
                del dialogues[next(iter(dialogues))]
            dialogues[pair] = dialogue
        elif len(dialogues) > DIALOGUES // 2:
            dialogues[pair] = dialogues.pop(pair)
        return dialogue

    def other_waits(self, dialogue: Dialogue) -> bool:
        """Return whether the master of `dialogue` waits for another outstation."""
        return any(other.master == dialogue.master and other.waits for other in self._dialogues.values())

    def asks(self, outstation: int) -> None:
        """Count an outstation that is asked for the first time: one who asks many looks for them."""
        moment = self._moment
        source, target = moment.flow.ends(from_client=moment.from_client)
        self._sweeps.asked(source, (target, outstation), moment.time_ns, server=target, port=moment.flow.port)

    def _begin(self, master: int, outstation: int, *, asked: bool) -> Dialogue:
        moment = self._moment
        remembered = moment.flow.notes.remembered
        asker, answerer = moment.flow.ends(from_client=moment.from_client is asked)
        station = remembered.recall(("dnp3", answerer, outstation), Outstation)
        dialogue = Dialogue(master, outstation, station, expected=NOTHING if moment.certain else ANY)
        if asked:
            dialogue.stranger = remembered.recall(("dnp3", asker, answerer, "masters"), Masters).strange(master)
            self.asks(outstation)
        return dialogue
