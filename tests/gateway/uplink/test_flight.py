"""What is under way to the broker, and what is held after it has arrived."""

import tracemalloc

from gateway.store.record import Record, Row, Stream
from gateway.uplink.flight import HELD_BYTES, Flight
from gateway.uplink.schedule import Due

ROWS = 2000


class Nowhere:
    """A store that only counts what leaves it."""

    def __init__(self):
        self.gone = []

    def acknowledge(self, _stream, seqs):
        self.gone += seqs


def test_what_is_held_is_not_kept_in_memory():
    """Of a row that the broker has and the store keeps, its number is enough, however large it is."""
    store = Nowhere()
    flight = Flight(store, hold_s=60)
    tracemalloc.start()
    for number in range(ROWS):
        row = Row(10_000 + number, Record(Stream.TELEMETRY, "d1", 0, 1, bytes(10_000)))
        flight.take_off(number, Due(row, historical=False, backlog=False))
        flight.land(number, now_s=float(number))
    del row
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    flight.let_go(ROWS + 60.0)

    assert held < 1.25 * ROWS * HELD_BYTES
    assert store.gone == [10_000 + number for number in range(ROWS)]
