"""A folder in which the commands of the pages are run as they stand: what they name is there, or put in its place."""

import argparse
import io
import os
import re
import signal
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module

from gateway.cli import main
from gateway.local.client import ask

ONLY_READ = {
    "demo": "a minute, and namespaces; make attack-demo, tests/simulator/attacks",
    "fat": "a minute and more; tests/gateway/fat",
    "run": "for ever; test_first_hour.py, and the gateway that is at work here",
    "simulate --from": "for ever; tests/gateway/fat",
}
"""Commands of ours of which only the words are tried, with the reason."""
ELSEWHERE = {
    "tcp://10.0.0.11:502": "tcp://127.0.0.1:15021",
    "tcp://10.0.0.40:502": "tcp://127.0.0.1:15029",
    "tcp://10.0.0.17:20000": "tcp://127.0.0.1:15031 --protocol dnp3",
    "tcp://10.0.0.23:102": "tcp://127.0.0.1:15041 --protocol iec61850",
    "opc.tcp://10.0.0.30:4840": "opc.tcp://127.0.0.1:15051",
}
"""Devices of the pages, and where the simulated substation has their like."""
EXHIBIT = "20261120T120000123Z-new_pair-1f3a9c04"
"""The evidence of which the pages speak."""


class Place:
    """A folder with what the pages name, a substation and a gateway that polls it."""

    def __init__(self, folder, places):
        self.folder, self.places = folder, places

    def run(self, words):
        """Run one of our commands; return its exit code, and what it said. One that goes on for ever is interrupted."""
        if words[0] in ONLY_READ or " ".join(words[:2]) in ONLY_READ:
            parser = argparse.ArgumentParser(exit_on_error=False)
            import_module(f"gateway.cli.{words[0]}").configure(parser)
            return (0 if parser.parse_args(words[1:]) else 2), ""
        said = Said("--watch" in words or words[0] == "simulate")
        with heeded(signal.SIGINT), redirect_stdout(said), redirect_stderr(said):
            try:
                code = main([*self._words(words)])
            except SystemExit as left:
                code = left.code
        return code, said.getvalue()

    def file(self, name, text):
        """Write a file of a page."""
        (self.folder / name).write_text(self.here(text))

    def here(self, text):
        """Return it with the places of the pages replaced by those of the test."""
        aliases = {
            **{url: self._served(like) for url, like in ELSEWHERE.items()},
            **self.places,
            "/etc/gridsentinel/": f"{self.folder}/",
            "/var/lib/gridsentinel": f"{self.folder}/state",
            "/srv/case": f"{self.folder}/case",
        }
        text = re.sub("|".join(map(re.escape, aliases)), lambda found: aliases[found[0]], text)
        return text.replace(EXHIBIT, self._exhibit()) if EXHIBIT in text else text

    def _words(self, words):
        """Yield the words with what is put in the place of others, and with what must be added here."""
        file = [str(self.folder / "gateway.yaml")] if words[0] == "status" and "gateway.yaml" not in words else []
        for word in [words[0], *file, *words[1:]]:
            yield from self.here(word).split(" ")
        if words[0] == "simulate" and "--list" not in words:
            yield from ("--port", "0")

    def _served(self, like):
        return re.sub(r"127[\d.:]+", lambda found: self.places.get(found[0], found[0]), like)

    def _exhibit(self):
        """Return the name of an exhibit that there is."""
        return ask(self.folder / "state/status.sock", {"ask": "evidence"})["evidence"][0]["id"]


@contextmanager
def heeded(number):
    """Let a signal interrupt as in a terminal: a run that was started in the background ignores it, and would hang."""
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)


class Said(io.StringIO):
    """What a command says. One that goes on for ever is interrupted when it has said all."""

    def __init__(self, endless):
        super().__init__()
        self._endless = endless

    def write(self, text):
        """Take it; the last words of `simulate`, and the last part of what `status --watch` draws, are the end."""
        super().write(text)
        if self._endless and re.search("Ctrl-C ends it|^delivery$", text, re.MULTILINE):
            self._endless = False
            os.kill(os.getpid(), signal.SIGINT)
