"""What DNP3 masters ask for: a read is told when it is new, a command always."""

from dataclasses import dataclass
from typing import Any, Final

from protocols.model import EventKind
from protocols.tap.dnp3.dialogue import Dialogue, Dialogues
from protocols.tap.dnp3.request import DISABLE, ENABLE, READ, Part, Request, read
from protocols.tap.moment import Moment
from protocols.tap.sightings import Seen

REQUESTS_KNOWN: Final = 128
"""Different requests of a conversation that are not read again: a master has some for each outstation."""
LONGEST_KNOWN: Final = 64
"""Octets of a request that is kept so: polls have 20, a command about 30."""
BROADCAST: Final = 0xFFFD
"""This address and those above go to all outstations (clause 9.2.4.1.3)."""
SELF: Final = 0xFFFC
"""Whoever hears it answers with its own address."""
_EACH_NEW: Final = frozenset({"time", "session"})
"""Requests that are never the same again."""


@dataclass(slots=True, eq=False)
class Said:
    """What is said of a request each time it comes; `seen` is where it is counted."""

    kind: EventKind
    text: str
    function: str
    about: object
    facts: dict[str, Any]
    seen: Seen | None = None


class Asking:
    """The requests of one conversation."""

    def __init__(self, moment: Moment, dialogues: Dialogues) -> None:
        self._moment, self._dialogues = moment, dialogues
        self._known: dict[tuple[int, bytes], tuple[Said, ...]] = {}

    def request(self, master: int, outstation: int, fragment: bytes) -> None:
        """Look at a request."""
        dialogue = self._dialogues.between(master, outstation, asked=True)
        if outstation < BROADCAST:
            dialogue.asked(fragment)
        key = master << 16 | outstation, fragment[1:]
        known = self._known
        said = known.get(key)
        if said is None:
            said = self._new(key, dialogue, fragment)
        elif len(known) > REQUESTS_KNOWN // 2:
            known[key] = known.pop(key)
        for each in said:
            self._say(each, fragment)

    def _say(self, said: Said, fragment: bytes) -> None:
        moment = self._moment
        flow = moment.flow
        seen = said.seen  # another request about the same items may have been told there since, with other values
        if seen is not None and seen.detail == said.text and flow.notes.again(seen, moment.time_ns):
            return
        if said.kind is EventKind.QUERY:
            source, target = flow.ends(from_client=moment.from_client)
            if flow.notes.known(said.kind, moment.time_ns, source, target, "dnp3", said.function, said.about):
                return
        said.seen = moment.note(said.kind, said.text, said.function, about=said.about, raw=fragment, **said.facts)

    def _new(self, key: tuple[int, bytes], dialogue: Dialogue, fragment: bytes) -> tuple[Said, ...]:
        """Read a request, and return what is to be said of it now; of a read that is well, later nothing."""
        request = read(fragment)
        if request.function in (ENABLE, DISABLE):
            dialogue.station.unsolicited(request.classes, enable=request.function == ENABLE)
        said = (*_wrong(request, dialogue), *(_said(request, part, dialogue) for part in request.parts))
        if len(key[1]) <= LONGEST_KNOWN and request.action not in _EACH_NEW and not request.classes:
            if len(self._known) >= REQUESTS_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[key] = said if request.function != READ or request.wrong else ()
        return said


def _wrong(request: Request, dialogue: Dialogue) -> tuple[Said, ...]:
    if not request.wrong:
        return ()
    facts = {"why": request.wrong, "fatal": False, "outstation": dialogue.outstation, "master": dialogue.master}
    text = f"request: {request.wrong}"
    return (Said(EventKind.MALFORMED, text, str(request.function), request.wrong, facts),)


def _said(request: Request, part: Part, dialogue: Dialogue) -> Said:
    facts = {**part.facts, "outstation": dialogue.outstation, "master": dialogue.master}
    kind = EventKind.QUERY if request.function == READ else EventKind.COMMAND
    where = f"outstation {dialogue.outstation}"
    if dialogue.outstation >= BROADCAST:
        facts["broadcast"], where = True, "all outstations"
    elif dialogue.outstation == SELF and kind is EventKind.QUERY:
        facts["action"], where = "discover", "any outstation"
    if dialogue.stranger:
        facts["master_new"] = True
    about = dialogue.master, dialogue.outstation, part.about
    return Said(kind, f"{part.text}, {where}", str(request.function), about, facts)
