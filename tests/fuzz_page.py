"""Asks the local page of a gateway whatever its OpenAPI document allows, and what it forbids: run by `make fuzz`.

    python tests/fuzz_page.py SCHEMATHESIS [EXAMPLES]

The gateway is a real one that polls a simulated feeder; the answers must be what the document says, and none a fault.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.app import Gateway
from gateway.config.loader import load
from gateway.orders import Order
from simulator import scenario
from simulator.substation import serve

sys.path.insert(0, str(Path(__file__).parent / "support"))
from asking import asked  # noqa: E402 - it lies beside

TOKEN = "a" * 32
CONFIG = """
gateway: {{site: s, name: g, state_dir: state}}
uplink: {{url: "mqtt://127.0.0.1:1", window_s: 1}}
page: {{listen: "127.0.0.1:0", users: [{{name: anna, token_file: anna, may: operate}}]}}
devices:
  - name: feeder1
    protocol: modbus
    url: tcp://127.0.0.1:{port}
    points:
      - {{name: va, address: "holding:100", type: float32, unit: V, limits: {{high: 1}}}}
      - {{name: cb52, address: "discrete:0", role: {{bay: feeder1, quantity: breaker}}}}
"""
LEFT_OUT = "ignored_auth,unsupported_method,missing_required_header"
"""Three checks try out other logins; the throttle then answers 429. tests/gateway/page/test_door.py does that."""


async def main(program: str, examples: str = "100") -> int:
    """Return the exit code of schemathesis, 1 if the page had a fault of its own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "anna").write_text(TOKEN)
        (folder / "anna").chmod(0o600)
        async with serve(scenario.load("normal")) as substation:
            path = folder / "gateway.yaml"
            path.write_text(CONFIG.format(port=substation.ports["feeder1"]))
            gateway = Gateway(path, load(path), grace_s=0)
            running = asyncio.create_task(gateway.run())
            while not (hasattr(gateway, "_local") and gateway._local._page and gateway._local._page.server.port):
                await asyncio.sleep(0.05)
            server = gateway._local._page.server
            code = await fuzzed(program, examples, server.port, folder)
            gateway.order(Order.STOP)
            await running
    return code or server.faults


async def fuzzed(program: str, examples: str, port: int, folder: Path) -> int:
    """Run schemathesis against the page at `port`."""
    told = await asked(port, "/api/v1/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})
    (folder / "openapi.json").write_bytes(told.body)
    keys = ("-H", f"Authorization: Bearer {TOKEN}", "-H", "X-GridSentinel: 1", "--url", f"http://127.0.0.1:{port}")
    checks = ("--checks", "all", "--exclude-checks", LEFT_OUT, "--max-examples", examples, "--no-color")
    process = await asyncio.create_subprocess_exec(program, "run", "openapi.json", *keys, *checks, cwd=folder)
    return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
