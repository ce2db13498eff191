"""The files of a configuration: the main one and those it includes, read within a bound."""

import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.config.document import Document, fault_at
from gateway.config.fault import ConfigError, Faults
from gateway.config.reader import read

MAX_FILE_BYTES = 8_388_608
"""8 MiB: 18,000 points with every key spelled out; bounds the memory of a load."""


def document(path: Path) -> Document:
    """Read one YAML file.

    Raises:
        ConfigError: there is no such file, it is too large, or it is no YAML.
    """
    return read(str(path), _content(path))


def included(main: Document, faults: Faults) -> Iterator[Document]:
    """Read the files that `include` names, each once, in the order of the names; add to `faults` what fails."""
    base = Path(main.file).parent
    seen = {os.path.realpath(main.file): main.file}
    for index, pattern in enumerate(_patterns(main.data)):
        found = _matches(base, pattern) if isinstance(pattern, str) else []
        if not found and isinstance(pattern, str) and not glob.has_magic(pattern):
            faults.append(main.fault(("include", index), f"no such file: {base / pattern}"))
        for path in found:
            real = os.path.realpath(path)
            if real in seen:
                also = "" if seen[real] == str(path) else f" as {seen[real]}"
                faults.append(main.fault(("include", index), f"{path} is already loaded{also}"))
                continue
            seen[real] = str(path)
            try:
                yield document(path)
            except ConfigError as error:
                faults.extend(error.faults)


def _patterns(data: Any) -> list[Any]:
    include = data.get("include") if isinstance(data, dict) else None
    return include if isinstance(include, list) else []


def _matches(base: Path, pattern: str) -> list[Path]:
    if "\0" in pattern:
        return []
    if not glob.has_magic(pattern):
        return [base / pattern] if os.path.lexists(base / pattern) else []
    return [base / name for name in sorted(glob.glob(pattern, root_dir=base))]  # noqa: PTH207 - Path.glob refuses absolute patterns


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise _refused(path, f"this is {kind}; a file is allowed")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _refused(path, unreadable(error)) from None
    if len(content) > MAX_FILE_BYTES:
        raise _refused(path, f"file of {max(status.st_size, len(content))} bytes is over {MAX_FILE_BYTES}")
    return content


def unreadable(error: Exception) -> str:
    """Say in plain words why a file cannot be read."""
    match error:
        case FileNotFoundError():
            return "no such file"
        case PermissionError():
            return "this user may not read the file"
        case OSError(strerror=str(reason)):
            return f"the file cannot be read: {reason}"
    return "this is no name of a file"


def _refused(path: Path, text: str) -> ConfigError:
    return ConfigError((fault_at(str(path), 0, (), text),))
