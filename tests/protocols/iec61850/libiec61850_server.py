"""An IED of libiec61850, run by the Python that has pyiec61850-ng: `libiec61850_server.py PORT`, orders on stdin.

IED3LD0 has XCBR1.Pos and 1,000 measurands, 100 in each GGIO1 to 10, AnIn001 to 100. Data sets in LLN0: dsMeas, the
first ten and the position; dsHundred, the first hundred; dsBig, all. Blocks: brcbMeas01 and 02, urcbMeas01,
brcbHundred01, brcbBig01, and urcbPlain01, which has no RptID.

    set N VALUE MS        measurand N (0 to 999), stamped MS since 1970
    quality N FLAGS       its quality, a sum of libiec61850's words
    pos N MS              the position, 0 intermediate to 3 bad
"""

import sys

from pyiec61850 import pyiec61850 as lib

SMALL = 10
BLOCKS = {
    "brcbMeas01": "dsMeas",
    "brcbMeas02": "dsMeas",
    "urcbMeas01": "dsMeas",
    "brcbHundred01": "dsHundred",
    "brcbBig01": "dsBig",
    "urcbPlain01": "dsMeas",
}


def build():
    """Return the model, and the names of the measurands."""
    model = lib.IedModel_create("IED3")
    device = lib.LogicalDevice_create("LD0", model)
    first = lib.LogicalNode_create("LLN0", device)
    lib.CDC_ENS_create("Beh", lib.toModelNode(first), 0)
    lib.CDC_DPC_create("Pos", lib.toModelNode(lib.LogicalNode_create("XCBR1", device)), 0, 0)
    names = []
    for group in range(1, 11):
        node = lib.LogicalNode_create(f"GGIO{group}", device)
        for index in range(1, 101):
            lib.CDC_MV_create(f"AnIn{index:03}", lib.toModelNode(node), lib.CDC_OPTION_INST_MAG, False)
            names.append((f"GGIO{group}", f"AnIn{index:03}"))
    small, big = lib.DataSet_create("dsMeas", first), lib.DataSet_create("dsBig", first)
    hundred = lib.DataSet_create("dsHundred", first)
    for data_set, members in ((small, names[:SMALL]), (hundred, names[:100]), (big, names)):
        for node, name in members:
            lib.DataSetEntry_create(data_set, f"{node}$MX${name}", -1, None)
    lib.DataSetEntry_create(small, "XCBR1$ST$Pos", -1, None)
    triggers = lib.TRG_OPT_DATA_CHANGED | lib.TRG_OPT_QUALITY_CHANGED | lib.TRG_OPT_INTEGRITY | lib.TRG_OPT_GI
    options = lib.RPT_OPT_SEQ_NUM | lib.RPT_OPT_TIME_STAMP | lib.RPT_OPT_ENTRY_ID | lib.RPT_OPT_CONF_REV
    for name, data_set in BLOCKS.items():
        said = None if "Plain" in name else name
        lib.ReportControlBlock_create(name, first, said, name[0] == "b", data_set, 1, triggers, options, 20, 0)
    return model, [f"LD0/{node}.{name}" for node, name in names]


class Server:
    """The server, and what it can be told."""

    def __init__(self, port):
        self.model, self.places = build()
        self.server = lib.IedServer_create(self.model)
        lib.IedServer_setServerIdentity(self.server, "libiec61850", "peer", "1")
        lib.IedServer_start(self.server, port)
        for index in range(len(self.places)):
            self.set(index, index, 1_700_000_000_000 + index)

    def attribute(self, reference):
        return lib.toDataAttribute(lib.IedModel_getModelNodeByShortObjectReference(self.model, reference))

    def set(self, index, value, ms):
        place = self.places[int(index)]
        lib.IedServer_updateUTCTimeAttributeValue(self.server, self.attribute(f"{place}.t"), int(ms))
        lib.IedServer_updateFloatAttributeValue(self.server, self.attribute(f"{place}.mag.f"), float(value))

    def quality(self, index, flags):
        lib.IedServer_updateQuality(self.server, self.attribute(f"{self.places[int(index)]}.q"), int(flags))

    def pos(self, value, ms):
        lib.IedServer_updateUTCTimeAttributeValue(self.server, self.attribute("LD0/XCBR1.Pos.t"), int(ms))
        lib.IedServer_updateDbposValue(self.server, self.attribute("LD0/XCBR1.Pos.stVal"), int(value))


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(port):
    server = Server(port)
    say("ready" if lib.IedServer_isRunning(server.server) else "not running")
    for line in sys.stdin:
        word, *rest = line.split()
        lib.IedServer_lockDataModel(server.server)
        getattr(server, word)(*rest)
        lib.IedServer_unlockDataModel(server.server)
        say("ok")


if __name__ == "__main__":
    main(int(sys.argv[1]))
