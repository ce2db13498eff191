"""Which notifications the server may forget: those that were handed on, not those that have only arrived.

arrived -> handed on with this call -> handed on before it: to be acknowledged with the next request
"""

from typing import Final

MOST_ARRIVED: Final = 4096
"""Notifications that wait to be handed on; with changes in them the readings that wait are the narrower bound."""


class Acknowledgements:
    """Subscriptions and numbers, in the order in which they arrived."""

    def __init__(self) -> None:
        self._arrived: list[tuple[int, int]] = []
        self._handed: list[tuple[int, int]] = []
        self._due: list[tuple[int, int]] = []

    @property
    def full(self) -> bool:
        """Whether nobody hands on, so that no more should be asked for."""
        return len(self._arrived) >= MOST_ARRIVED

    def arrived(self, subscription: int, sequence: int) -> None:
        """Know a notification that waits to be handed on."""
        self._arrived.append((subscription, sequence))

    def hand_on(self) -> None:
        """Know that all that arrived is about to be handed on, and that what was about to be has been."""
        self._due += self._handed
        self._handed, self._arrived = self._arrived, []

    def take(self) -> list[tuple[int, int]]:
        """Return and forget what is to be acknowledged."""
        due, self._due = self._due, []
        return due
