"""The manual page and the shell completion, made from the command line's own parsers: neither can fall behind it."""

import argparse
from collections.abc import Iterator, Mapping
from importlib import import_module

from gateway.cli import COMMANDS, EPILOG

FILES = (
    ("/etc/gridsentinel/gateway.yaml", "the configuration"),
    ("/var/lib/gridsentinel", "the store, what was learned, the audit log, and the socket of `status`"),
    ("/usr/share/gridsentinel", "sample configurations, and drop-ins for the unit"),
    ("/usr/share/doc/gridsentinel", "the documentation, and what is inside the package (CycloneDX)"),
)


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    made = {}
    for name in COMMANDS:
        made[name] = argparse.ArgumentParser(prog=f"gridsentinel {name}", add_help=False)
        import_module(f"gateway.cli.{name}").configure(made[name])
    return made


def page(version: str) -> str:
    """Return the manual page, section 1."""
    lines = [
        f'.TH GRIDSENTINEL 1 "" "gridsentinel {version}" "User commands"',
        ".SH NAME",
        "gridsentinel \\- polls substation devices, checks every value, forwards over MQTT",
        ".SH SYNOPSIS",
        ".B gridsentinel",
        ".I COMMAND",
        "[\\fIOPTION\\fR]...",
        ".SH COMMANDS",
    ]
    for name, parser in parsers().items():
        usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
        lines += [
            f".SS {name}",
            _roff(usage),
            ".PP",
            _roff(f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}."),
            *_options(parser),
        ]
    lines += [".SH FIRST STEPS", ".nf", *map(_roff, EPILOG.strip().splitlines()[1:]), ".fi", ".SH FILES"]
    for path, text in FILES:
        lines += [".TP", f".I {_roff(path)}", _roff(text)]
    return "\n".join([*lines, ".SH SEE ALSO", ".BR systemctl (1),", ".BR journalctl (1)", ""])


def completion() -> str:
    """Return the completion for bash: commands, then the options of the command, then files."""
    cases = [f"    {name}) words='{' '.join(_flags(parser))}' ;;" for name, parser in parsers().items()]
    return "\n".join(
        [
            "# completion of gridsentinel for bash",
            "_gridsentinel() {",
            "  local words current=${COMP_WORDS[COMP_CWORD]}",
            "  case $COMP_CWORD:${COMP_WORDS[1]} in",
            f"    1:*) COMPREPLY=($(compgen -W '{' '.join(COMMANDS)} --help --version' -- \"$current\")); return ;;",
            "  esac",
            "  case ${COMP_WORDS[1]} in",
            *cases,
            "  esac",
            "  case $current in",
            '    -*) COMPREPLY=($(compgen -W "$words --help" -- "$current")) ;;',
            '    *) COMPREPLY=($(compgen -f -- "$current")) ;;',
            "  esac",
            "}",
            "complete -o filenames -F _gridsentinel gridsentinel",
            "",
        ]
    )


def _flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001 - argparse tells them nowhere else
        yield from action.option_strings[-1:]


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    formatter = parser._get_formatter()  # noqa: SLF001 - as above
    for action in parser._actions:  # noqa: SLF001 - as above
        yield ".TP"
        yield f"\\fB{_roff(formatter._format_action_invocation(action))}\\fR"  # noqa: SLF001 - as above
        yield _roff(formatter._expand_help(action) if action.help else "")  # noqa: SLF001 - as above


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
