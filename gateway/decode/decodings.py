"""Registers in every type and order, by the decoder that the gateway itself polls with, so both always agree."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from struct import pack
from typing import Any, NamedTuple

import numpy as np

from protocols.modbus.config import WIDTH
from protocols.modbus.decoder import Decoder, Image, Value
from protocols.modbus.planner import Block

NARROW = ("int16", "uint16")
WIDE = ("int32", "uint32", "float32", "int64", "uint64", "float64")
ORDERS = {"big": "ABCD", "little": "DCBA", "big_swapped": "CDAB", "little_swapped": "BADC"}
NARROW_ORDERS = ("big", "little")
"""A register alone has two: the others are the same again."""


class Decoding(NamedTuple):
    """What the registers from `address` on would be; None where they are no finite number."""

    table: str
    address: int
    type: str
    order: str
    value: float | None

    @property
    def json(self) -> dict[str, Any]:
        """As it is printed for machines."""
        return {"address": f"{self.table}:{self.address}", **{key: getattr(self, key) for key in _KEYS}}


_KEYS = ("type", "order", "value")


def decodings(table: str, registers: Mapping[int, int], types: Sequence[str]) -> list[Decoding]:
    """Return every value that lies within `registers`, by type, address and order."""
    found: list[Decoding] = []
    for run in _runs(registers):
        found += _of_run(table, run[0], [registers[address] for address in run], types)
    return sorted(found, key=lambda one: (types.index(one.type), one.address))


def _runs(registers: Mapping[int, int]) -> list[list[int]]:
    """Return the addresses that stand together."""
    numbered = enumerate(sorted(registers))
    return [[address for _, address in run] for _, run in groupby(numbered, lambda pair: pair[1] - pair[0])]


def _of_run(table: str, start: int, registers: Sequence[int], types: Sequence[str]) -> list[Decoding]:
    whole = Block(table, start, len(registers))
    wanted = [
        Value(Block(table, address, WIDTH[kind]), kind, order)
        for kind in types
        for address in range(start, start + len(registers) - WIDTH[kind] + 1)
        for order in (NARROW_ORDERS if kind in NARROW else ORDERS)
    ]
    image = Image([whole], 0)
    image.put(image.place(whole), pack(f">{len(registers)}H", *registers), bits=False)
    values, _ = Decoder(wanted, image).decode()
    return [
        Decoding(table, value.block.start, value.kind, value.order, float(number) if np.isfinite(number) else None)
        for value, number in zip(wanted, values, strict=True)
    ]
