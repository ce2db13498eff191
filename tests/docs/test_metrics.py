"""docs/metrics.md, the dashboard and the alert rules name the metrics that there are."""

import json
import re
from pathlib import Path

import pytest
import yaml

from gateway.metrics.table import METRICS

CONFIG = Path(__file__).resolve().parents[2] / "config"
A_METRIC = re.compile(r"\b(?:gridsentinel|process)_\w+")
A_LABEL = re.compile(r"(\w+)(?:=~?|!~|!=)\"")
UNITS = ("_seconds", "_bytes", "_messages", "_rows", "_batches", "_windows")
THERE = {metric.name: metric for metric in METRICS}


def dashboard():
    return json.loads((CONFIG / "grafana/gridsentinel.json").read_text())


def rules():
    groups = yaml.safe_load((CONFIG / "prometheus/alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions():
    panels = [(panel["title"], target["expr"]) for panel in dashboard()["panels"] for target in panel["targets"]]
    return [*panels, *((rule["alert"], rule["expr"]) for rule in rules())]


def test_the_page_explains_every_metric(table):
    """Name, type, labels and words of each, in the order in which they are told, and none else."""
    told = [
        (f"`{each.name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.help) for each in METRICS
    ]

    assert [tuple(row) for row in table("metrics.md", "The metrics")] == told


def test_names_follow_the_conventions():
    """Counters, and only they, end with _total; a unit stands at the end or before that; each name is there once."""
    assert len(THERE) == len(METRICS)
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        unit = next((unit for unit in UNITS if unit in metric.name), "")
        assert metric.name.removesuffix("_total").endswith(unit), metric.name
        assert metric.help.endswith("."), metric.name


@pytest.mark.parametrize(("title", "expr"), expressions(), ids=lambda text: text[:30])
def test_every_expression_asks_what_is_there(title, expr):
    """Metrics exist, labels are theirs or those of the scrape, rates are of counters, brackets close."""
    named = [THERE[name] for name in A_METRIC.findall(expr.replace('job="gridsentinel"', ""))]
    labels = {label for metric in named for label in metric.labels} | {"instance", "job"}

    assert named or expr.startswith("up{"), title
    assert set(A_LABEL.findall(expr)) <= labels
    for function, name in re.findall(r"\b(rate|increase)\((\w+)", expr):
        assert THERE[name].kind == "counter" or name == "gridsentinel_tap_count", function
    assert [expr.count(bracket) for bracket in "([{"] == [expr.count(bracket) for bracket in ")]}"]


def test_the_legends_name_labels_that_are_there():
    """What a panel writes beside a line is a label of its metric."""
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            labels = {label for name in A_METRIC.findall(target["expr"]) for label in THERE[name].labels}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels | {"instance"}, panel["title"]


def test_panels_do_not_overlap():
    """Each place of the dashboard is taken once."""
    taken = [
        (x, y)
        for panel in dashboard()["panels"]
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]

    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def test_the_rules_are_whole():
    """Each has its own name, a severity and a sentence; labels in it are those of its metric."""
    assert len({rule["alert"] for rule in rules()}) == len(rules())
    for rule in rules():
        labels = {label for name in A_METRIC.findall(rule["expr"]) if name in THERE for label in THERE[name].labels}
        named = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert named <= labels | {"instance"}, rule["alert"]
