"""What every question ends in: one JSON object or a page, and an exit code."""

import json
import sys
from typing import Any

from gateway.decode.options import WrongUse

OK, FAILED, WRONG_USE = 0, 1, 2


def show(found: dict[str, Any], page: str, *, as_json: bool) -> int:
    """Print what was found."""
    print(json.dumps(found, allow_nan=False) if as_json else page)  # noqa: T201  the tool's output
    return OK


def fail(error: Exception, *, as_json: bool) -> int:
    """Print why nothing was found."""
    if as_json:
        print(json.dumps({"error": str(error)}))  # noqa: T201
    else:
        print(error, file=sys.stderr)  # noqa: T201
    return WRONG_USE if isinstance(error, WrongUse) else FAILED
