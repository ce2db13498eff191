"""What DNP3 outstations say: whether somebody has asked for it, what they refuse, and that they have restarted."""

from typing import Final

from protocols.model import EventKind
from protocols.tap.dnp3.asking import SELF
from protocols.tap.dnp3.dialogue import Dialogue, Dialogues
from protocols.tap.dnp3.objects import headers
from protocols.tap.dnp3.request import CHALLENGE, DIRECT_OPERATE, FUNCTIONS, RESPONSE, SELECT, UNSOLICITED
from protocols.tap.moment import Moment

HEADER: Final = 4
"""Octets of a response without objects: control, function, internal indications."""
_RESTART: Final = 0x0080
_REFUSALS: Final = {0x0100: "IIN2.0", 0x0200: "IIN2.1", 0x0400: "IIN2.2", 0x1000: "IIN2.4"}
"""Function not supported, object unknown, parameter error, already executing (clause 4.3.2)."""
_REFUSED: Final = sum(_REFUSALS)


class Answering:
    """The responses of one conversation."""

    def __init__(self, moment: Moment, dialogues: Dialogues) -> None:
        self._moment, self._dialogues = moment, dialogues

    def response(self, master: int, outstation: int, fragment: bytes) -> None:
        """Look at a response."""
        function = fragment[1]
        if function > CHALLENGE or function < RESPONSE or len(fragment) < HEADER:
            why = "fragment cut" if len(fragment) < HEADER else "unknown function"
            self._moment.malformed(why, fragment, "response", str(function), outstation=outstation, master=master)
            return
        dialogue = self._dialogues.between(master, outstation, asked=False)
        if function == CHALLENGE:
            return
        indications = fragment[2] | fragment[3] << 8
        if indications != dialogue.indications:
            self._indicated(dialogue, indications)
        if function == UNSOLICITED:
            self._told(dialogue, fragment)
            return
        why = dialogue.answered(fragment[0])
        if why:
            self._odd(dialogue, why, fragment)
        else:
            self._result(dialogue, indications, fragment)

    def _result(self, dialogue: Dialogue, indications: int, fragment: bytes) -> None:
        if indications & _REFUSED:
            for bit, code in _REFUSALS.items():
                if indications & bit:
                    self._refused(dialogue, code, fragment)
        asked = dialogue.request
        if SELECT <= asked[1] <= DIRECT_OPERATE and fragment[HEADER:] != asked[2:]:
            for header in headers(fragment, HEADER, RESPONSE)[0]:
                if header.status:
                    self._refused(dialogue, f"status {header.status}", fragment)

    def _indicated(self, dialogue: Dialogue, indications: int) -> None:
        """The restart bit is told when it rises: there are devices that never clear it."""
        dialogue.indications = indications
        if dialogue.station.restart(bit=bool(indications & _RESTART)):
            text = f"outstation {dialogue.outstation} has restarted"
            outstation = dialogue.outstation
            self._moment.note(EventKind.RESTART, text, about=outstation, bit="IIN1.7", outstation=outstation)

    def _odd(self, dialogue: Dialogue, why: str, fragment: bytes) -> None:
        if not self._moment.certain:
            return
        if why == "request" and dialogue.outstation != SELF and self._dialogues.other_waits(dialogue):
            why = "unit"
        text = f"answer of outstation {dialogue.outstation} that nobody waits for: {why}"
        self._orphan(dialogue, why, fragment, text)

    def _orphan(self, dialogue: Dialogue, why: str, fragment: bytes, text: str) -> None:
        master, outstation = dialogue.master, dialogue.outstation
        self._moment.note(
            EventKind.ORPHAN,
            text,
            str(fragment[1]),
            about=(master, outstation, why),
            raw=fragment,
            why=why,
            outstation=outstation,
            master=master,
        )

    def _refused(self, dialogue: Dialogue, code: str, fragment: bytes) -> None:
        asked = dialogue.request[1]
        name = FUNCTIONS[asked][0] if asked in FUNCTIONS else f"function {asked}"
        self._moment.note(
            EventKind.EXCEPTION,
            f"outstation {dialogue.outstation} refuses {name}: {code}",
            str(asked),
            about=(dialogue.outstation, code),
            raw=fragment,
            code=code,
            what=name,
            outstation=dialogue.outstation,
            master=dialogue.master,
        )

    def _told(self, dialogue: Dialogue, fragment: bytes) -> None:
        """An unsolicited response; with one without objects an outstation only says that it is there (5.1.1.1.1)."""
        follows = dialogue.told(fragment[0])
        if len(fragment) == HEADER:
            return
        outstation, enabled = dialogue.outstation, dialogue.station.enabled
        if not follows and self._moment.certain:
            self._orphan(
                dialogue, "sequence", fragment, f"unsolicited response of outstation {outstation} out of sequence"
            )
        if enabled or (enabled is None and dialogue.spoke):
            return
        dialogue.spoke = True
        what = f"g{fragment[HEADER]}"
        self._moment.note(
            EventKind.UNSOLICITED,
            f"outstation {outstation} tells {what} without being asked",
            about=(dialogue.master, outstation),
            raw=fragment,
            enabled=None if enabled is None else False,
            what=what,
            outstation=outstation,
            master=dialogue.master,
        )
