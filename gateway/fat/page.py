"""The report as one HTML file, made to be printed on A4 and signed: the summary first, then what failed, then all."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from string import Template

from gateway.fat.adapted import DIFFERENT, LIMITS_OF_THE_TEST
from gateway.fat.row import Row, Verdict, counted
from gateway.fat.trial import Outcome
from gateway.number import number_of

COLUMNS = ("test", "expected", "seen", "result", "remark")
SIGNATURES = ("tested by", "witnessed by", "accepted by")
STYLE = Template("""\
@page { size: A4; margin: 18mm 12mm 18mm 12mm;
  @top-left { content: "$head"; font: 8pt sans-serif; }
  @top-right { content: "$mark"; font: 8pt sans-serif; }
  @bottom-left { content: "results $hash"; font: 6.5pt monospace; }
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }
body { font: 9pt/1.35 sans-serif; color: #111; max-width: 190mm; margin: 8mm auto; }
h1 { font-size: 15pt; margin: 0 0 2mm; } h2 { font-size: 11pt; margin: 6mm 0 1.5mm; break-after: avoid; }
p, ul { margin: 1mm 0; } ul { padding-left: 5mm; }
table { border-collapse: collapse; width: 100%; } thead { display: table-header-group; }
th, td { border: 0.4pt solid #999; padding: 0.6mm 1.2mm; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
th { background: #eee; } tbody { break-inside: avoid; } tbody.long { break-inside: auto; }
tr.point th { background: #f6f6f6; font-weight: normal; } tr.point b { margin-right: 2mm; }
.initials { float: right; border-bottom: 0.4pt solid #333; width: 30mm; color: #777; font-size: 7pt; }
.not, .pass, .FAIL { white-space: nowrap; }
.pass { color: #06622a; } .FAIL { color: #fff; background: #a40000; font-weight: bold; } .not { background: #ffe9a8; }
.verdict { font-size: 13pt; font-weight: bold; padding: 1mm 2mm; display: inline-block; border: 1pt solid; }
.sign td { height: 14mm; } .facts th { width: 38mm; } code { font-size: 8pt; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; } .screen { display: none; } }
""")
LONG = 12
"""A point with more tests than this may be broken over two pages."""


def page(outcome: Outcome, hash_: str) -> str:
    """Return the report; `hash_` is that of the CSV file with the same results."""
    title = f"Factory acceptance test of {outcome.site}/{outcome.gateway}"
    mark = f"{outcome.fingerprint[:12]}, GridSentinel {outcome.version}, {_time(outcome.end_ns)}"
    style = STYLE.substitute(head=title, mark=mark, hash=hash_)
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{style}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *_summary(outcome, hash_),
            *_list("Failed", Verdict.FAIL, outcome.rows),
            *_list("Not tested, and why", Verdict.NOT_TESTED, outcome.rows),
            *_scope(),
            *_signatures(),
            *_all(outcome.rows),
            "</body></html>",
            "",
        ]
    )


def verdict(rows: Sequence[Row]) -> str:
    """Return in a sentence what it amounts to."""
    count = counted(rows)
    said = f"{count[Verdict.PASS]} passed, {count[Verdict.FAIL]} failed, {count[Verdict.NOT_TESTED]} not tested"
    if count[Verdict.FAIL]:
        return f"FAILED: {said}"
    return f"PASSED: {said}" if not count[Verdict.NOT_TESTED] else f"PASSED AS FAR AS TESTED: {said}"


def _summary(outcome: Outcome, hash_: str) -> Iterator[str]:
    points = len({(row.device, row.point) for row in outcome.rows if row.point})
    devices = len({row.device for row in outcome.rows if row.device})
    said, tested = verdict(outcome.rows), f"{number_of(points, 'point')} of {number_of(devices, 'device')}"
    yield f'<p><span class="verdict {"FAIL" if said.startswith("FAILED") else "pass"}">{escape(said)}</span></p>'
    facts = {
        "site, gateway": f"{outcome.site}, {outcome.gateway}",
        "configuration": outcome.fingerprint,
        "program": f"GridSentinel {outcome.version}",
        "from, to (UTC)": f"{_time(outcome.begin_ns)} to {_time(outcome.end_ns)}",
        "tested": f"{tested}, by {outcome.messages} messages from {outcome.broker}",
        "hash of the results": f"{hash_} (SHA-256 of the CSV file)",
    }
    rows = (f"<tr><th>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>" for name, value in facts.items())
    yield f'<table class="facts">{"".join(rows)}</table>'
    yield '<p class="screen">To a PDF: print it from a browser. Chromium numbers the pages.</p>'


def _list(title: str, wanted: Verdict, rows: Sequence[Row]) -> Iterator[str]:
    found = [row for row in rows if row.verdict is wanted]
    if not found:
        return
    yield f"<h2>{title}: {len(found)}</h2>"
    yield _table(["where", *COLUMNS], [_line([_where(row), *_cells(row)], row.verdict) for row in found])


def _scope() -> Iterator[str]:
    yield "<h2>How it was tested</h2><ul>"
    yield "<li>each device was simulated from the configuration, and the gateway itself ran; every value, quality and "
    yield "alarm was compared at a consumer of its own at the broker</li>"
    yield from (f"<li>{escape(text)}</li>" for text in (*DIFFERENT, *LIMITS_OF_THE_TEST))
    yield "</ul>"


def _signatures() -> Iterator[str]:
    yield "<h2>Signatures</h2>"
    head = "".join(f"<th>{word}</th>" for word in ("", "name", "company", "date", "signature"))
    rows = "".join(f"<tr><th>{role}</th>{'<td></td>' * 4}</tr>" for role in SIGNATURES)
    yield f'<table class="sign"><thead><tr>{head}</tr></thead>{rows}</table>'


def _all(rows: Sequence[Row]) -> Iterator[str]:
    for device, of_device in groupby(rows, key=lambda row: row.device):
        mine = list(of_device)
        yield f"<h2>{escape(device) or 'gateway'}: {escape(verdict(mine))}</h2>"
        of_points = groupby(mine, key=lambda row: row.point)
        yield _table(COLUMNS, [_point(name, list(tests)) for name, tests in of_points])


def _point(name: str, tests: Sequence[Row]) -> str:
    one = tests[0]
    facts = [one.address, one.kind, one.order, f"scale {one.scale}", one.unit]
    said = " &middot; ".join(escape(fact) for fact in facts if fact)
    head = f"<b>{escape(name)}</b> {said}" if name else "<b>as a whole</b>"
    lines = "".join(_tr(_cells(row), row.verdict) for row in tests)
    initials = '<span class="initials">initials</span>'
    long = ' class="long"' if len(tests) > LONG else ""
    return f'<tbody{long}><tr class="point"><th colspan="{len(COLUMNS)}">{head}{initials}</th></tr>{lines}</tbody>'


def _table(columns: Iterable[str], bodies: Iterable[str]) -> str:
    head = "".join(f"<th>{name}</th>" for name in columns)
    return f"<table><thead><tr>{head}</tr></thead>{''.join(bodies)}</table>"


def _line(cells: Sequence[str], verdict_: Verdict) -> str:
    return f"<tbody>{_tr(cells, verdict_)}</tbody>"


def _tr(cells: Sequence[str], verdict_: Verdict) -> str:
    marked = (f'<td class="{verdict_}">' if cell == verdict_ else "<td>" for cell in cells)
    return "<tr>" + "".join(f"{tag}{escape(cell)}</td>" for tag, cell in zip(marked, cells, strict=True)) + "</tr>"


def _cells(row: Row) -> list[str]:
    return [row.test, row.expected, row.seen, str(row.verdict), row.remark]


def _where(row: Row) -> str:
    return ".".join(name for name in (row.device, row.point) if name) or "gateway"


def _time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
