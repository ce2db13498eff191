"""The ThingsBoard IoT Gateway: one range a device, in blocks of 125, as its Modbus connector is documented."""

import json
import threading
from collections.abc import Iterator
from typing import Any

from broker import PATIENCE_S, Received
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from peers.program import BENCH, Site, Start, over
from peers.scenario import Scenario

BLOCK = 125
ASKS = "v1/devices/me/rpc/request/"
LIMITS = {"maxPayloadSize": 65_536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}
"""What a platform without rate limits answers to getSessionLimits; the gateway sends nothing without."""
UNLIMITED = "0:0,"
TYPES = {"uint16": "16uint", "float32": "32float"}


class ThingsBoard:
    """Version 3.8.5, from PyPI."""

    name = "ThingsBoard"
    publishes = True
    note = (
        "ThingsBoard IoT Gateway 3.8.5, tb-mqtt-client 1.13.13, pymodbus 3.9.2: one range a device, read in blocks of "
        "125 (its default is 16), queue in memory (its default), no limits of rate, no statistics, no remote "
        "configuration, payloads of up to 64 KiB (default 8), log only of errors; it checks "
        "nothing and keeps nothing on disk"
    )

    def __init__(self) -> None:
        self._program = BENCH / "thingsboard" / "bin" / "thingsboard-gateway"

    def missing(self) -> str | None:
        """Return what `make bench-peers` would install."""
        return None if self._program.is_file() else "not installed: make bench-peers"

    def prepare(self, scenario: Scenario, site: Site) -> Start:
        """Write tb_gateway.json, modbus.json and logs.json, and answer as the platform would."""
        (site.folder / "logs").mkdir()
        slaves = [_slave(scenario, number, port) for number, port in enumerate(site.ports)]
        for name, content in (
            ("tb_gateway", _gateway(site.broker)),
            ("modbus", {"name": "modbus", "logLevel": "ERROR", "master": {"slaves": slaves}}),
            ("logs", _logs()),
        ):
            (site.folder / f"{name}.json").write_text(json.dumps(content))
        _answer(site.broker)
        return Start([self._program], {"TB_GW_CONFIG_DIR": str(site.folder)})

    def readings(self, message: Received) -> int:
        """Count the values of all devices and moments."""
        return sum(len(values) for _, values in _told(message))

    def beyond(self, message: Received) -> Iterator[str]:
        """Yield the points with a value over the limit."""
        for device, values in _told(message):
            yield from (f"{device}/{key[1:]}" for key, value in values.items() if over(value))


def _told(message: Received) -> Iterator[tuple[str, dict[str, Any]]]:
    if message.topic == "v1/gateway/telemetry":
        for device, moments in message.json.items():
            yield from ((device, moment["values"]) for moment in moments)


def _answer(port: int) -> None:
    """Answer getSessionLimits, in this process and outside of what is measured, until the broker ends."""

    def on_message(client: Client, _data: object, message: MQTTMessage) -> None:
        if json.loads(message.payload).get("method") == "getSessionLimits":
            client.publish(message.topic.replace("request", "response"), json.dumps(LIMITS), qos=1)

    def serve() -> None:
        while client.loop() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            pass

    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id="platform")
    client.on_connect = lambda client, *_: client.subscribe(ASKS + "+", qos=1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    threading.Thread(target=serve, name="platform", daemon=True).start()
    if not subscribed.wait(PATIENCE_S):
        raise TimeoutError("mosquitto takes no subscription")


def _gateway(broker: int) -> dict[str, Any]:
    limits = ("rateLimits", "dpRateLimits", "messagesRateLimits", "deviceMessagesRateLimits", "deviceRateLimits")
    return {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": broker,
            "remoteShell": False,
            "remoteConfiguration": False,
            "statistics": {"enable": False, "statsSendPeriodInSeconds": 3600},
            "deviceFiltering": {"enable": False},
            "maxPayloadSizeBytes": 65_536,
            "minPackSendDelayMS": 50,
            "minPackSizeToSend": 500,
            "checkConnectorsConfigurationInSeconds": 3600,
            "handleDeviceRenaming": False,
            "security": {"type": "accessToken", "accessToken": "benchmark"},
            "qos": 1,
            "reportStrategy": {"type": "ON_RECEIVED"},
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
            **dict.fromkeys((*limits, "deviceDpRateLimits"), UNLIMITED),
        },
        "storage": {"type": "memory", "read_records_count": 100, "max_records_count": 100_000},
        "grpc": {"enabled": False},
        "connectors": [{"type": "modbus", "name": "modbus", "configuration": "modbus.json"}],
    }


def _slave(scenario: Scenario, number: int, port: int) -> dict[str, Any]:
    width = scenario.registers // scenario.points
    values = {
        "tag": "p${address}",
        "type": TYPES[scenario.kind],
        "functionCode": 3,
        "objectsCount": width,
        "address": f"0-{scenario.registers - 1}",
        "maxRegistersPerRequest": BLOCK - BLOCK % width,
    }
    return {
        "host": "127.0.0.1",
        "port": port,
        "type": "tcp",
        "method": "socket",
        "unitId": 1,
        "deviceName": f"d{number}",
        "timeout": 5,
        "byteOrder": "BIG",
        "wordOrder": "BIG",
        "pollPeriod": int(scenario.every_s * 1000),
        "timeseries": [values],
        "attributes": [],
        "attributeUpdates": [],
        "rpc": [],
    }


def _logs() -> dict[str, Any]:
    names = ("database", "service", "connector", "converter", "tb_connection", "storage", "extension")
    quiet = {"handlers": ["console"], "level": "ERROR", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": dict.fromkeys(names, quiet),
        "root": {"level": "ERROR", "handlers": ["console"]},
    }
