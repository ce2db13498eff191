"""What only shows between the keys of a Modbus device."""

from protocols.modbus.config import ModbusDevice, ModbusPoint


def test_a_value_wider_than_a_request_is_a_fault():
    """No value is ever split, so the largest request must hold the widest value."""
    points = (ModbusPoint(name="p", address="holding:0", type="float64"), ModbusPoint(name="q", address="holding:9"))
    device = ModbusDevice(name="d", protocol="modbus", url="tcp://h:502", max_registers=3, points=points)

    assert list(device.faults()) == [(("points", 0, "type"), "float64 takes 4 registers; max_registers is 3")]
