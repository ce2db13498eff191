"""A model is looked at before anybody relies on it: what is wrong with it is one fault in the configuration."""

import json
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
from trained import NAMES

from detectors.tflite import runtime
from detectors.tflite.config import LoadedModel, TfliteConfig
from detectors.tflite.runtime import BadModel, NoRuntime, load
from detectors.tflite.trial import tried
from gateway.config import ConfigError
from gateway.config.apart import load_apart
from gateway.config.loader import load as load_config

HEAD = """\
gateway: {site: s, name: g}
uplink: {url: mqtt://broker}
devices:
  - name: f1
    protocol: modbus
    url: tcp://10.0.0.1:502
    points:
"""


@pytest.fixture
def folder(tmp_path, model):
    """A configuration beside its model; `ask` returns the faults of a section."""
    (tmp_path / "m.tflite").write_bytes(model.read_bytes())
    (tmp_path / "m.json").write_bytes(model.with_suffix(".json").read_bytes())
    return tmp_path


@pytest.fixture
def written(folder):
    """Write a configuration with this section, and return its path."""

    def write(section, names=NAMES):
        points = "".join(f"      - {{name: {name}, address: 'input:{k}'}}\n" for k, name in enumerate(names))
        path = folder / "g.yaml"
        path.write_text(f"{HEAD}{points}detectors:\n  - {{detector: tflite, {section}}}\n")
        return path

    return write


@pytest.fixture
def fault(written):
    """Return the one fault of a section, without its place."""

    def ask(section="model_file: m.tflite", names=NAMES):
        with pytest.raises(ConfigError) as caught:
            load_config(written(section, names))
        [found] = caught.value.faults
        assert found.path.startswith("detectors[0].")
        return found.text

    return ask


def test_a_good_one_is_loaded_with_its_bytes(written, folder):
    """The daemon gets the model from the process that reads the configuration, and reads no file itself."""
    path = written("model_file: m.tflite")
    [config] = load_apart(path).detectors
    (folder / "m.tflite").unlink()

    assert isinstance(config, LoadedModel)
    assert config.content[4:8] == b"TFL3"
    assert (config.inputs, config.outputs) == (8, 8)
    assert b"TFL3" not in repr(config).encode()
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize("content", [b"", b"hello", b"TFL3" * 100, bytes(1000)])
def test_what_is_no_model(folder, fault, content):
    """Whatever lies there, it is named, with what is wrong."""
    (folder / "m.tflite").write_bytes(content)
    (folder / "m.json").unlink()

    text = fault("model_file: m.tflite, threshold: 1")
    assert text.startswith(f"{folder / 'm.tflite'}: ")
    assert "refuses the model" in text


def test_truncated_and_changed_models_are_refused_or_run(learned):
    """However the bytes are changed, the runtime refuses them, or they are another model: nothing else happens."""
    chance = random.Random(1)
    for cut in range(0, len(learned.model), 997):
        with pytest.raises(BadModel):
            load(learned.model[:cut])
    for _ in range(40):
        changed = bytearray(learned.model)
        for _ in range(3):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            made = load(bytes(changed)).run(np.ones(8))
        except (BadModel, ValueError):
            continue
        assert made.dtype == np.float64


def test_a_model_that_kills_its_process_is_one_fault(learned, monkeypatch):
    """It is tried in another process."""
    monkeypatch.setattr("detectors.tflite.trial.PROGRAM", "import os; os.abort()")

    with pytest.raises(BadModel, match="ends the program that loads it, with code -6"):
        tried(learned.model)


def test_no_runtime_says_what_to_install(learned, monkeypatch):
    """The message has the command, and what each runtime said."""
    monkeypatch.setattr(runtime, "RUNTIMES", ("no_such_runtime.interpreter",))

    with pytest.raises(NoRuntime, match=r"pip install 'gridsentinel\[tflite\]' .*no_such_runtime"):
        load(learned.model)


def test_a_runtime_that_imports_and_fails_is_not_the_end(learned, tmp_path):
    """As tflite-runtime does beside numpy 2: the next one is taken."""
    package = tmp_path / "tflite_runtime"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "interpreter.py").write_text(
        "class OpResolverType:\n    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 1\n"
        "def Interpreter(**_):\n    raise AttributeError('_ARRAY_API not found')\n"
    )
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from detectors.tflite import runtime\n"
        "runtime.RUNTIMES = runtime.RUNTIMES[::-1]\n"
        "print(runtime.load(sys.stdin.buffer.read()).inputs)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=learned.model, capture_output=True, check=True)

    assert done.stdout == b"8\n"


def test_files_that_are_not_there(fault, folder):
    """The model must be there; the file beside it only if nothing else says the threshold."""
    assert "no such file" in fault("model_file: x.tflite")
    (folder / "m.json").unlink()
    assert fault().endswith("there is no m.json beside it, so threshold must be given")


def test_a_model_of_ones_own_needs_no_file_beside_it(written, folder):
    """Points in their order and a threshold say it all."""
    (folder / "m.json").unlink()
    named = ", ".join(f"f1.{name}" for name in NAMES)

    [config] = load_config(written(f"model_file: m.tflite, threshold: 9, points: [{named}]")).detectors
    assert config.sidecar is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"sha256": "0"}, "it belongs to another model"),
        ({"format": "x"}, "format 'x' is not gridsentinel-model/1"),
        ({"scale": [1.0]}, "8 points, each once, need 8 scales; there are 1"),
        ({"scale": [0.0] * 8}, "0.0 is not a positive number"),
        ({"points": ["f1.va"] * 8}, "each once"),
        ({"points": ["f1.va"], "scale": [1.0]}, "names 1 points, the model takes 8"),
        ({"threshold": None}, "None is not a positive number"),
        ({"threshold": "1"}, "'1' is not a positive number"),
    ],
)
def test_a_file_beside_it_that_is_wrong(fault, folder, change, word):
    """One fault, that says what it is."""
    told = json.loads((folder / "m.json").read_text()) | change
    (folder / "m.json").write_text(json.dumps(told))

    assert word in fault()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_file_beside_it_that_is_none(fault, folder, content):
    """Whatever it is."""
    (folder / "m.json").write_bytes(content)

    assert "it is no sidecar of a model" in fault()


def test_points_that_do_not_fit(fault, folder):
    """Inputs that no point has, too few, and one twice."""
    assert fault(names=NAMES[:-1]).endswith("its input f1.q is no point of this configuration")
    assert fault("model_file: m.tflite, points: [f1.v*]").endswith("takes 8 values, points names 3")
    twice = "f1.va, f1.va, f1.vb, f1.vc, f1.ia, f1.ib, f1.ic, f1.p"
    assert fault(f"model_file: m.tflite, points: [{twice}]").endswith("points names f1.va twice")


def test_what_is_switched_off_needs_no_file(written):
    """As in the sample configuration."""
    [config] = load_config(written("model_file: x.tflite, enabled: false")).detectors
    assert not config.enabled


def test_a_section_that_was_not_resolved_builds_nothing(model, points):
    """Without its model it says so, instead of watching nothing."""
    with pytest.raises(TypeError, match="was not read"):
        TfliteConfig(model_file=model).build(points)
