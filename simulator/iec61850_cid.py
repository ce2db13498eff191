"""A CID file for a bay: what a tool of a manufacturer would export, written from what is measured in the bay.

Feeder, transformer and bus have the logical nodes that IEC 61850-7-4 foresees: MMXU for what is measured, XCBR for the
breaker, MMTR for energy, YLTC for the tap changer, STMP for temperatures, SIML for the gases in the oil. Each bay has a
data set of its measurands and one of its states, a buffered and an unbuffered report control block for each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from simulator.gas import GASES
from simulator.meter import BAYS

DEVICE: Final = "LD0"
PHASES: Final = ("phsA", "phsB", "phsC")
DATA_SETS: Final = {"MX": "dsMeas", "ST": "dsState"}
INSTANCES: Final = 3
"""Of each report control block: one a client."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a measurement stands: the logical node, the data object and the names below it, the class of its data."""

    node: str
    down: str
    kind: str

    @property
    def constraint(self) -> str:
        """Its functional constraint."""
        return "MX" if self.kind in ("MV", "CMV") else "ST"

    @property
    def attribute(self) -> str:
        """The attribute that has the value."""
        endings = {"MV": "mag.f", "CMV": "cVal.mag.f", "DPC": "stVal", "SPS": "stVal", "BCR": "actVal"}
        return endings.get(self.kind, "valWTr.posVal")


def _phases(names: str, node: str, data: str, kind: str = "CMV", below: Sequence[str] = PHASES) -> dict[str, Place]:
    return {name: Place(node, f"{data}.{each}", kind) for name, each in zip(names.split(), below, strict=True)}


_BETWEEN: Final = ("phsAB", "phsBC", "phsCA")
_POWERS: Final = {
    "p": Place("MMXU1", "TotW", "MV"),
    "q": Place("MMXU1", "TotVAr", "MV"),
    "s": Place("MMXU1", "TotVA", "MV"),
    "pf": Place("MMXU1", "TotPF", "MV"),
    "f": Place("MMXU1", "Hz", "MV"),
}
_ALL: Final[Mapping[str, Place]] = {
    **_phases("va vb vc", "MMXU1", "PhV"),
    **_phases("vab vbc vca", "MMXU1", "PPV", below=_BETWEEN),
    **_phases("ia ib ic in", "MMXU1", "A", below=(*PHASES, "neut")),
    **_POWERS,
    **_phases("hva hvb hvc", "MMXU2", "PhV"),
    **_phases("hia hib hic", "MMXU2", "A"),
    "hp": Place("MMXU2", "TotW", "MV"),
    "hq": Place("MMXU2", "TotVAr", "MV"),
    "oil": Place("STMP1", "Tmp", "MV"),
    "winding": Place("STMP2", "Tmp", "MV"),
    "ambient": Place("STMP3", "Tmp", "MV"),
    **{name: Place("SIML1", f"{gas}ppm", "MV") for name, gas in {name: name.upper() for name in GASES}.items()},
    "e": Place("MMTR1", "SupWh", "BCR"),
    "tap": Place("YLTC1", "TapPos", "BSC"),
    "avr": Place("ATCC1", "Auto", "SPS"),
    "cb52": Place("XCBR1", "Pos", "DPC"),
    "coupler": Place("XCBR1", "Pos", "DPC"),
}


def ied(bay: str) -> str:
    """Return the name of the IED of `bay`."""
    return bay.upper()


def places(bay: str) -> dict[str, Place]:
    """Return where each measurement of `bay` stands."""
    return {name: _ALL[name] for name in BAYS[bay]}


def domain(bay: str) -> str:
    """Return the logical device of `bay`, as MMS names it."""
    return f"{ied(bay)}{DEVICE}"


def addresses(bay: str) -> dict[str, str]:
    """Return the address of each measurement of `bay`, as the gateway's configuration writes it."""
    return {
        name: f"{domain(bay)}/{place.node}.{place.down}.{place.attribute}[{place.constraint}]"
        for name, place in places(bay).items()
    }


def cid(bay: str, address: str = "127.0.0.1") -> str:
    """Return the text of the CID file of `bay`."""
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B">',
            f'<Header id="{ied(bay)}"/>',
            '<Communication><SubNetwork name="W1" type="8-MMS">',
            f'<ConnectedAP iedName="{ied(bay)}" apName="P1"><Address><P type="IP">{address}</P>',
            '<P type="OSI-TSEL">0001</P><P type="OSI-SSEL">0001</P><P type="OSI-PSEL">00000001</P></Address>',
            "</ConnectedAP></SubNetwork></Communication>",
            f'<IED name="{ied(bay)}" manufacturer="GridSentinel" type="simulator">',
            '<Services><ReportSettings optFields="Dyn" bufTime="Dyn" trgOps="Dyn" intgPd="Dyn" resvTms="true"/>',
            "</Services>",
            f'<AccessPoint name="P1"><Server><Authentication/><LDevice inst="{DEVICE}">',
            *_devices(bay),
            "</LDevice></Server></AccessPoint></IED>",
            "<DataTypeTemplates>",
            *_node_types(bay),
            TYPES,
            "</DataTypeTemplates></SCL>",
        ]
    )


def _devices(bay: str) -> Iterator[str]:
    yield '<LN0 lnClass="LLN0" inst="" lnType="LLN0">'
    for constraint, name in DATA_SETS.items():
        yield f'<DataSet name="{name}">'
        for place in places(bay).values():
            if place.constraint == constraint:
                yield f'<FCDA ldInst="{DEVICE}" {_node(place.node)} doName="{place.down}" fc="{constraint}"/>'
        yield "</DataSet>"
    for name, buffered in (("brcb", "true"), ("urcb", "false")):
        for data_set in DATA_SETS.values():
            block = f"{name}{data_set.removeprefix('ds')}"
            yield (
                f'<ReportControl name="{block}" rptID="{domain(bay)}/{block}" datSet="{data_set}" confRev="1" '
                f'buffered="{buffered}" bufTime="50" intgPd="0">'
                '<TrgOps dchg="true" qchg="true" dupd="false" period="true" gi="true"/>'
                '<OptFields seqNum="true" timeStamp="true" dataSet="true" reasonCode="true" entryID="true"/>'
                f'<RptEnabled max="{INSTANCES}"/></ReportControl>'
            )
    yield "</LN0>"
    for node in dict.fromkeys(place.node for place in places(bay).values()):
        yield f'<LN {_node(node, "inst")} prefix="" lnType="{node}"/>'


def _node(node: str, inst: str = "lnInst") -> str:
    return f'lnClass="{node[:4]}" {inst}="{node[4:]}"'


def _node_types(bay: str) -> Iterator[str]:
    yield '<LNodeType id="LLN0" lnClass="LLN0"><DO name="Beh" type="ENS"/></LNodeType>'
    for node in dict.fromkeys(place.node for place in places(bay).values()):
        yield f'<LNodeType id="{node}" lnClass="{node[:4]}"><DO name="Beh" type="ENS"/>'
        objects = {place.down.split(".")[0]: place for place in places(bay).values() if place.node == node}
        for name, place in objects.items():
            yield f'<DO name="{name}" type="{name if "." in place.down else place.kind}"/>'
        yield "</LNodeType>"
    for name in sorted({place.down.split(".")[0] for place in places(bay).values() if "." in place.down}):
        below = dict.fromkeys(place.down.split(".")[1] for place in _ALL.values() if place.down.startswith(f"{name}."))
        parts = "".join(f'<SDO name="{each}" type="CMV"/>' for each in below)
        yield f'<DOType id="{name}" cdc="{"DEL" if name == "PPV" else "WYE"}">{parts}</DOType>'


_QT: Final = '<DA name="q" bType="Quality" fc="{0}" qchg="true"/><DA name="t" bType="Timestamp" fc="{0}"/></DOType>'
TYPES: Final = "\n".join(
    [
        '<DOType id="CMV" cdc="CMV"><DA name="cVal" bType="Struct" type="Vector" fc="MX" dchg="true"/>'
        + _QT.format("MX"),
        '<DOType id="MV" cdc="MV"><DA name="mag" bType="Struct" type="Analogue" fc="MX" dchg="true"/>'
        + _QT.format("MX"),
        '<DOType id="DPC" cdc="DPC"><DA name="stVal" bType="Dbpos" fc="ST" dchg="true"/>' + _QT.format("ST"),
        '<DOType id="SPS" cdc="SPS"><DA name="stVal" bType="BOOLEAN" fc="ST" dchg="true"/>' + _QT.format("ST"),
        '<DOType id="ENS" cdc="ENS"><DA name="stVal" bType="Enum" type="Beh" fc="ST" dchg="true"/>' + _QT.format("ST"),
        '<DOType id="BCR" cdc="BCR"><DA name="actVal" bType="INT64" fc="ST" dchg="true"/>' + _QT.format("ST"),
        '<DOType id="BSC" cdc="BSC"><DA name="valWTr" bType="Struct" type="ValWithTrans" fc="ST" dchg="true"/>'
        + _QT.format("ST"),
        '<DAType id="Vector"><BDA name="mag" bType="Struct" type="Analogue"/></DAType>',
        '<DAType id="Analogue"><BDA name="f" bType="FLOAT32"/></DAType>',
        '<DAType id="ValWithTrans"><BDA name="posVal" bType="INT8"/><BDA name="transInd" bType="BOOLEAN"/></DAType>',
        '<EnumType id="Beh"><EnumVal ord="1">on</EnumVal><EnumVal ord="5">off</EnumVal></EnumType>',
    ]
)
