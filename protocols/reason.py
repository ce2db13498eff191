"""Why there is no connection, in words for people."""

import os


def reason(error: Exception) -> str:
    """Return what `error` says, without what only a programmer reads."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.errno and error.filename is None:
        return error.strerror or os.strerror(error.errno)
    return str(error) or "no answer to the connection"
