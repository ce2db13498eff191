"""What every question ends in: an answer, or one sentence, and an exit code."""

import json
import sys
from pathlib import Path

from gateway.decode.options import WrongUse

OK, FAILED, WRONG_USE = 0, 1, 2


def show(text: str, output: Path | None) -> int:
    """Print what was found, or write it to a file."""
    if output is None:
        print(text)  # noqa: T201  the tool's output
        return OK
    try:
        output.write_text(text + "\n")
    except OSError as error:
        return fail(
            WrongUse(f"--output {output} cannot be written ({error.strerror}): name another file"), as_json=False
        )
    return OK


def fail(error: Exception, *, as_json: bool) -> int:
    """Print why nothing was found."""
    if as_json:
        print(json.dumps({"error": str(error)}))  # noqa: T201
    else:
        print(error, file=sys.stderr)  # noqa: T201
    return WRONG_USE if isinstance(error, WrongUse) else FAILED
