"""The checklist as CSV, one row a test; its SHA-256 is the hash of the results."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import astuple, fields
from io import StringIO

from gateway.fat.row import Row

FORMULA = ("=", "+", "-", "@")
"""A cell that begins so is a formula to a spreadsheet, unless it is a number."""


def table(rows: Sequence[Row]) -> str:
    """Return the rows as CSV (RFC 4180), with a header."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(["type" if field.name == "kind" else field.name for field in fields(Row)])
    writer.writerows([[_cell(str(cell)) for cell in astuple(row)] for row in rows])
    return out.getvalue()


def hash_of(text: str) -> str:
    """Return the SHA-256 of a file with this text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) and not text.lstrip("+-")[:1].isdigit() else text
