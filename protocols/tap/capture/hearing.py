"""What every way to hear an interface begins and ends with: its packet socket, which is made ready, then listens."""

from protocols.tap.capture.packets import Filter, Packets


class Hearing:
    """Hears `interface` once it is ready; `received` counts its frames.

    Raises:
        LinkLost: the interface is not there, down, or not allowed.
    """

    def __init__(self, interface: str, filtered: Filter, *, promiscuous: bool) -> None:
        self.received = 0
        self._packets = Packets(interface, filtered)
        try:
            self._prepare()
            self._packets.listen(promiscuous=promiscuous)
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        """Ask the kernel for what frames come in, before the first comes."""
        raise NotImplementedError

    @property
    def dropped(self) -> int:
        """How many frames the kernel had no room for."""
        return self._packets.dropped

    def close(self) -> None:
        """Hear no more."""
        self._packets.close()
