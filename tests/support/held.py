"""A Modbus peer that keeps answers back until somebody asks for them."""

import asyncio


class Held:
    """Keeps the answers of `peer` back, or only those about one `register`; `some` is set when there is one."""

    def __init__(self, peer, register=None):
        self.peer, self.register, self.kept, self.some = peer, register, [], asyncio.Event()
        peer.reply = self

    def __call__(self, transaction, unit, pdu):
        answer = self.peer.adu(transaction, unit, self.peer.answer(pdu))
        if self.register not in (None, int.from_bytes(pdu[1:3], "big")):
            return [*self.kept, answer]
        self.kept.append(answer)
        self.some.set()
        return None

    def release(self):
        """Send what was kept after all, and be honest from now on."""
        (writer,) = self.peer._served.values()
        writer.write(b"".join(self.kept))
        self.kept = []
        self.peer.reply = self.peer.honest
