"""SCL files: the members of data sets become points."""

import random
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from gateway.config.apart import load_apart
from gateway.config.fault import ConfigError
from protocols.iec61850.config import Iec61850Device
from simulator.iec61850_cid import addresses, cid
from simulator.meter import BAYS


@pytest.fixture
def cid_file(tmp_path):
    file = tmp_path / "feeder1.cid"
    file.write_text(cid("feeder1"))
    return file


def resolved(file, **keys):
    base = {"name": "ied", "protocol": "iec61850", "url": "tcp://127.0.0.1:102", "scl": Path(file), **keys}
    return TypeAdapter(Iec61850Device).validate_python(base).resolved()


def test_points_of_reports(cid_file):
    """Each value of the data set of a block, with the address that a person would have written, and its type."""
    device, faults = resolved(
        cid_file, reports=[{"block": "FEEDER1LD0/LLN0.brcbMeas"}, {"block": "FEEDER1LD0/LLN0.urcbState01"}]
    )
    found = {point.address: point for point in device.points}

    assert not faults
    assert set(found) == set(addresses("feeder1").values())
    assert found["FEEDER1LD0/MMXU1.PhV.phsA.cVal.mag.f[MX]"].name == "LD0.MMXU1.PhV.phsA"
    assert found["FEEDER1LD0/XCBR1.Pos.stVal[ST]"].kind == "dbpos"
    assert found["FEEDER1LD0/MMTR1.SupWh.actVal[ST]"].kind == "int64"


@pytest.mark.parametrize("bay", BAYS)
def test_every_bay(bay, tmp_path):
    """The files of all bays of the simulator give all that is measured there."""
    file = tmp_path / "bay.cid"
    file.write_text(cid(bay))
    domain = f"{bay.upper()}LD0"
    device, faults = resolved(file, data_sets=[f"{domain}/LLN0.dsMeas", f"{domain}/LLN0.dsState"])

    assert not faults
    assert {point.address for point in device.points} >= set(addresses(bay).values())
    assert len({point.name for point in device.points}) == len(device.points)


def test_points_of_ones_own_keep_what_they_say(cid_file):
    """A point that is listed has its name, unit and limits; the file adds the others."""
    own = {"name": "va", "address": "FEEDER1LD0/MMXU1.PhV.phsA.cVal.mag.f[MX]", "unit": "V"}
    device, _ = resolved(cid_file, points=[own], data_sets=["FEEDER1LD0/LLN0.dsMeas"])

    assert device.points[0].name == "va"
    assert [point.address for point in device.points].count(own["address"]) == 1
    assert len(device.points) == 15


def test_selectors_come_from_the_file(tmp_path):
    """Of the access point, where the device does not say otherwise."""
    file = tmp_path / "x.cid"
    file.write_text(cid("feeder1").replace('"OSI-TSEL">0001', '"OSI-TSEL">0007'))
    sets = ["FEEDER1LD0/LLN0.dsMeas"]

    assert resolved(file, data_sets=sets)[0].t_selector == "0007"
    assert resolved(file, data_sets=sets, t_selector="0003")[0].t_selector == "0003"


def test_several_ieds(tmp_path):
    """Of an SCD the one that is named, or the one with the address of the url."""
    one, two = cid("feeder1"), cid("feeder2", "10.0.0.2")
    ied = two[two.index("<IED ") : two.index("</IED>") + 6]
    communication = two[two.index("<ConnectedAP") : two.index("</SubNetwork>")]
    file = tmp_path / "station.scd"
    file.write_text(
        one.replace("<DataTypeTemplates>", f"{ied}<DataTypeTemplates>").replace(
            "</SubNetwork>", f"{communication}</SubNetwork>"
        )
    )
    sets = ["FEEDER2LD0/LLN0.dsMeas"]

    assert resolved(file, data_sets=sets, url="tcp://10.0.0.2")[0].points[0].address.startswith("FEEDER2LD0/")
    assert resolved(file, data_sets=sets, ied="FEEDER2")[0].points[0].address.startswith("FEEDER2LD0/")
    assert "name one as ied: FEEDER1, FEEDER2" in resolved(file, data_sets=sets, url="tcp://10.0.0.9")[1][0][1]
    assert "it has no IED X" in resolved(file, data_sets=sets, ied="X")[1][0][1]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "cannot read SCL"), ("<a/>", "is not SCL"), ("<SCL></SCL>", "no IED"), (None, "No such file")],
)
def test_files_that_are_none(tmp_path, text, words):
    """Said at the key, with the name of the file."""
    file = tmp_path / "x.cid"
    if text is not None:
        file.write_text(text)
    _, [(path, said)] = resolved(file, data_sets=["L/LLN0.ds"])

    assert path == ("scl",)
    assert words in said
    assert str(file) in said


def test_blocks_that_the_file_has_not(cid_file):
    """Each is said at its place."""
    _, faults = resolved(cid_file, reports=[{"block": "FEEDER1LD0/LLN0.no"}], data_sets=["FEEDER1LD0/LLN0.no"])

    assert [path for path, _ in faults] == [("data_sets", 0), ("reports", 0, "block")]
    assert all(f"is not in {cid_file}" in text for _, text in faults)


def test_the_loader_reads_the_file(cid_file):
    """Relative to the configuration, in the process that loads it; faults have file and line."""
    text = (
        "gateway: {site: a, name: b, state_dir: state}\n"
        "uplink: {url: 'mqtt://h:1'}\n"
        "devices:\n"
        "  - {name: ied, protocol: iec61850, url: 'tcp://h', scl: NAME, data_sets: [FEEDER1LD0/LLN0.dsMeas]}\n"
    )
    file = cid_file.parent / "gateway.yaml"
    file.write_text(text.replace("NAME", cid_file.name))
    assert len(load_apart(file).devices[0].points) == 15

    file.write_text(text.replace("NAME", "other.cid"))
    with pytest.raises(ConfigError) as error:
        load_apart(file)
    [fault] = error.value.faults
    assert (fault.line, fault.path) == (4, "devices[0].scl")


def test_types_that_are_parts_of_themselves(tmp_path):
    """Are said, at once; a file cannot hang the loader."""
    file = tmp_path / "x.cid"
    parts = "".join(f'<BDA name="p{index}" bType="Struct" type="Vector"/>' for index in range(10))
    file.write_text(cid("feeder1").replace('<DAType id="Vector">', f'<DAType id="Vector">{parts}'))
    _, [(path, said)] = resolved(file, data_sets=["FEEDER1LD0/LLN0.dsMeas"])

    assert path == ("scl",)
    assert "one is perhaps part of itself" in said


def mutated(text, rng):
    """Return `text` with an attribute or an element left out, doubled, emptied or scribbled on."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        spans = [each.span() for each in re.finditer(r' \w+="[^"]*"|<[^>]+>', text)]
        start, end = rng.choice(spans)
        part = text[start:end]
        new = rng.choice(
            ["", part + part, re.sub(r'"[^"]*"', '""', part), re.sub(r'"[^"]*"', '"-1"', part), f"{part}ü<"]
        )
        text = text[:start] + new + text[end:]
    return text


def test_mutated_files(tmp_path):
    """Points or a fault at a key, never anything else; a hundred of them."""
    file, rng, good = tmp_path / "x.cid", random.Random(), cid("feeder1")
    outcomes = {True: 0, False: 0}
    for _ in range(100):
        file.write_text(mutated(good, rng))
        device, faults = resolved(file, reports=[{"block": "FEEDER1LD0/LLN0.brcbMeas"}])
        outcomes[bool(faults)] += 1
        assert faults or all(point.place for point in device.points)

    assert min(outcomes.values()) > 0
