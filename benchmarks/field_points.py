"""The devices of the field protocols that are measured with: 1,000 numbers each, as servers and gateway know them."""

from collections.abc import Callable, Mapping
from typing import Any

OUTSTATION = 10
LEAST_VALUE = 1_000.0
"""The lowest value; each point has its own range of 16."""
TIMEOUT_S = 10
"""Long enough for a busy machine; what is measured is CPU."""
NODES = "urn:gridsentinel:benchmark"
DATA_SET_SIZE = 100
MEMBERS = "BENCHLD0/GGIO{}.AnIn{}"
"""Logical node and data object."""

HEAD = (
    '<?xml version="1.0"?><SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B"><Header id="B"/>'
    '<IED name="BENCH"><Services><ReportSettings optFields="Dyn" bufTime="Dyn" trgOps="Dyn" intgPd="Dyn"/></Services>'
    '<AccessPoint name="P1"><Server><Authentication/><LDevice inst="LD0"><LN0 lnClass="LLN0" inst="" lnType="LLN0">'
)
TYPES = (
    '<LNodeType id="LLN0" lnClass="LLN0"/>'
    '<DOType id="MV" cdc="MV"><DA name="mag" bType="Struct" type="Analogue" fc="MX" dchg="true"/>'
    '<DA name="q" bType="Quality" fc="MX" qchg="true"/><DA name="t" bType="Timestamp" fc="MX"/></DOType>'
    '<DAType id="Analogue"><BDA name="f" bType="FLOAT32"/></DAType>'
)

Device = Mapping[str, Any]


def dnp3(port: int, points: int) -> Device:
    """Return an outstation that is asked for everything."""
    listed = [{"name": f"p{index}", "address": f"analog:{index}"} for index in range(points)]
    return {
        "name": "dnp3",
        "protocol": "dnp3",
        "url": f"tcp://127.0.0.1:{port}",
        "outstation": OUTSTATION,
        "integrity_every_s": 1,
        "timeout_s": TIMEOUT_S,
        "points": listed,
    }


def mms(port: int, points: int) -> Device:
    """Return an IED whose data sets are read: value, quality and time."""
    return {**_ied(port, points), "data_sets": [f"BENCHLD0/LLN0.ds{number}" for number in _sets(points)]}


def mms_reports(port: int, points: int) -> Device:
    """Return an IED that reports, 100 values each."""
    blocks = [{"block": f"BENCHLD0/LLN0.urcb{number}", "integrity_s": 1} for number in _sets(points)]
    return {**_ied(port, points), "reports": blocks}


def opcua(port: int, points: int) -> Device:
    """Return a server that notifies."""
    listed = [{"name": f"p{index}", "address": f"nsu={NODES};s=p{index}"} for index in range(points)]
    return {"name": "opcua", "protocol": "opcua", "url": f"opc.tcp://127.0.0.1:{port}", "points": listed}


def scl(points: int) -> str:
    """Return the SCL file of the IED: a logical node and a data set with an unbuffered report for each 100."""
    sets = _sets(points)
    members = "".join(f'<DO name="AnIn{number}" type="MV"/>' for number in range(1, DATA_SET_SIZE + 1))
    return (
        HEAD
        + "".join(_data_set(number) for number in sets)
        + "".join(_block(number) for number in sets)
        + "</LN0>"
        + "".join(f'<LN lnClass="GGIO" inst="{number}" prefix="" lnType="GGIO"/>' for number in sets)
        + "</LDevice></Server></AccessPoint></IED><DataTypeTemplates>"
        + TYPES
        + f'<LNodeType id="GGIO" lnClass="GGIO">{members}</LNodeType></DataTypeTemplates></SCL>'
    )


def _sets(points: int) -> range:
    return range(1, points // DATA_SET_SIZE + 1)


def _ied(port: int, points: int) -> Device:
    places = [MEMBERS.format(index // DATA_SET_SIZE + 1, index % DATA_SET_SIZE + 1) for index in range(points)]
    listed = [{"name": f"p{index}", "address": f"{place}.mag.f[MX]"} for index, place in enumerate(places)]
    return {
        "name": "mms",
        "protocol": "iec61850",
        "url": f"tcp://127.0.0.1:{port}",
        "timeout_s": TIMEOUT_S,
        "points": listed,
    }


def _data_set(number: int) -> str:
    members = (
        f'<FCDA ldInst="LD0" lnClass="GGIO" lnInst="{number}" doName="AnIn{each}" fc="MX"/>'
        for each in range(1, DATA_SET_SIZE + 1)
    )
    return f'<DataSet name="ds{number}">{"".join(members)}</DataSet>'


def _block(number: int) -> str:
    return (
        f'<ReportControl name="urcb{number}" rptID="BENCHLD0/urcb{number}" datSet="ds{number}" confRev="1" '
        'buffered="false" bufTime="50" intgPd="0"><TrgOps dchg="true" qchg="true" period="true" gi="true"/>'
        '<OptFields seqNum="true" timeStamp="true" dataSet="true" reasonCode="true"/><RptEnabled max="2"/>'
        "</ReportControl>"
    )


DEVICES: Mapping[str, Callable[[int, int], Device]] = {
    "DNP3 integrity polls": dnp3,
    "MMS data sets": mms,
    "MMS reports of 100": mms_reports,
    "OPC UA notifications": opcua,
}
"""By what is measured."""
