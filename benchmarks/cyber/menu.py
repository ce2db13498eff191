"""The whole menu of attacks against a gateway with a tap: which check notices each, and after how many seconds.

    python benchmarks/cyber/menu.py [FAMILY ...]

Each family meets a gateway that has just learned who belongs there. It takes some ten minutes, needs no root, and
prints the table in Markdown. The exit code is 1 when an attack was missed, or anything was said before the first.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from gateway.demo.trial import BEFORE  # noqa: E402
from simulator.attacks.menu import FAMILIES  # noqa: E402


def main(families: list[str]) -> int:
    """Try the families; return the exit code."""
    print("| by | attack | check | seen after, s |\n|---|---|---|---|")
    missed, said, tried = 0, [], 0
    for family in families or FAMILIES:
        for told in _tried([each.NAME for each in FAMILIES[family]]):
            if told["do"] == BEFORE:
                said += told["said"]
                continue
            tried, missed = tried + 1, missed + bool(told["missed"])
            for kind in told["kinds"]:
                print(f"| {family} | `{told['do']}` | `{kind}` | {told['seen'].get(kind, '**missed**')} |", flush=True)
    print(
        f"\n{tried - missed} of {tried} attacks noticed by every check that must; {len(said)} alarms before the first"
    )
    for text in said:
        print(f"- {text}")
    return 1 if missed or said else 0


def _tried(names: list[str]) -> Iterator[dict]:
    """Yield what is said of each as it comes; what a child that failed did not come to is missed."""
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-m", "gateway.demo.trial", *names]
    left = list(names)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        for line in child.stdout:
            told = json.loads(line)
            left = [name for name in left if name != told["do"]]
            yield told
    yield from ({"do": name, "kinds": ["all"], "seen": {}, "missed": ["all"]} for name in left)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
