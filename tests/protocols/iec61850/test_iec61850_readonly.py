"""The only thing that is ever written is how an IED reports to us."""

from pathlib import Path

import pytest
from open61850.data import BoolData
from open61850.mms.pdu import ObjectName

import protocols.iec61850
from protocols.iec61850 import requests

ROOM = Path(protocols.iec61850.__file__).parent


@pytest.mark.parametrize(
    "item",
    [
        "XCBR1$CO$Pos$Oper", "XCBR1$CO$Pos$SBOw", "XCBR1$CO$Pos$Oper$ctlVal", "PTOC1$SP$StrVal$setMag$f",
        "PTOC1$SE$StrVal$setMag$f", "LLN0$SP$SGCB$ActSG", "LLN0$GO$gcb1$GoEna", "XCBR1$SV$Pos$subEna",
        "LLN0$BR$brcb01", "LLN0$BR$brcb01$DatSet", "LLN0$BR$brcb01$RptID", "LLN0$BR$brcb01$ConfRev",
        "LLN0$RP$urcb01$RptEna$x", "LLN0$CF$Mod$ctlModel", "LLN0$MS$sv1$SvEna", "LLN0$BR$b$x$RptEna",
    ],
)  # fmt: skip
def test_nothing_else_can_be_written(item):
    """No control, no set point, no setting group, no other control block, nor what a report control block reports."""
    with pytest.raises(ValueError, match="nothing else is ever written"):
        requests.write(ObjectName(item, "LD"), BoolData(value=True))


@pytest.mark.parametrize("name", ["RptEna", "ResvTms", "Resv", "OptFlds", "TrgOps", "IntgPd", "BufTm", "EntryID", "GI"])
def test_what_can_be_written(name):
    """The attributes that begin, shape and end reports."""
    assert requests.write(ObjectName(f"LLN0$BR$brcb01${name}", "LD"), BoolData(value=True))


def test_one_place_writes():
    """The library's write is named in one file, below the check; and no file knows its client, which can do more."""
    texts = {path.name: path.read_text() for path in ROOM.glob("*.py")}

    assert [name for name, text in texts.items() if "write_request" in text] == ["requests.py"]
    assert [name for name, text in texts.items() if "requests.write(" in text] == ["questions.py"]
    assert {name for name, text in texts.items() if "questions.write(" in text} == {"block.py"}
    assert not [name for name, text in texts.items() if "mms.client" in text or "mms.control" in text]
