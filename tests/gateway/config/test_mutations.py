"""Whatever a person or a disk does to a configuration, the answer is a ConfigError."""

from pathlib import Path

from examples import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from gateway.config import ConfigError
from gateway.config.loader import load

SAMPLE = (Path(__file__).parents[3] / "config" / "gateway.yaml").read_text().splitlines()
LINES = [line.partition("  # ")[0] for line in SAMPLE if line.strip() and not line.lstrip().startswith("#")]
VALUES = [
    "", "~", "[]", "{}", "-1", "0", "1e999", ".nan", "9" * 400, "true", "yes", "'", '"', "[", "&a", "*a", "&a [*a]",
    "!!str x", "{<<: 1}", "<<: *a", "- - -", "? x", "\t", "\u2028", "\U0001f600", "\x7f", '"\\0"', '"\\ud800"',
    "tcp://[::1", "mqtt://a:b:c", "mqtt://h:99999999", "holding:-1", "holding:1.99", "1 GiBB", f"{'9' * 400}MiB",
    "9e400", "../..", "/", "[[]]", "[x: y]", "%", "---", "...",
]  # fmt: skip


def faults_of(path):
    """Return the faults of a configuration, or None when it is well."""
    try:
        load(path)
    except ConfigError as error:
        return error.faults
    return None


@st.composite
def mutated(draw):
    """Draw a configuration whose lines were lost, repeated, moved, indented or filled with something else."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(("value", "drop", "again", "indent", "key", "cut", "text"))):
            case "value":
                lines[at] = lines[at].partition(":")[0] + ": " + draw(st.sampled_from(VALUES))
            case "drop" if len(lines) > 1:
                del lines[at]
            case "again":
                lines.insert(draw(st.integers(0, len(lines))), lines[at])
            case "indent":
                lines[at] = " " * draw(st.integers(0, 8)) + lines[at].lstrip()
            case "key":
                lines[at] = (
                    draw(st.sampled_from(("x", "<<", "points", "limits", "'a b'"))) + ":" + lines[at].partition(":")[2]
                )
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case "text":
                lines[at] += draw(st.text(max_size=8))
    return "\n".join(lines)


@examples(50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutated())
def test_a_mutated_configuration_loads_or_has_faults(tmp_path, text):
    """Nothing but a ConfigError leaves `load`, each of its faults one line at a place within the file."""
    path = tmp_path / "gateway.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    faults = faults_of(path)

    assert faults != ()
    assert all(str(fault).isprintable() for fault in faults or ())
    assert all(1 <= fault.line <= len(text.splitlines()) + 1 and fault.column >= 1 for fault in faults or ())


@examples(50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_noise_has_faults(tmp_path, noise):
    """No sequence of bytes crashes the reader."""
    path = tmp_path / "gateway.yaml"
    path.write_bytes(noise)

    assert faults_of(path) != ()
