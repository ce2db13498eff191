"""The last part: the gateway of the first, with too little memory, in a machine with a kernel of its own."""

from seen import seen

MACHINE_S = 900.0
"""Within it QEMU has booted, started the gateway twice, and ended, on a computer that does much else."""


def test_too_much_memory_is_ended(memory):
    """Beyond MemoryMax the kernel ends it, alone, and it comes back; seen in a machine with a kernel of its own."""
    memory.until(lambda line: line == "over", "the machine in QEMU to be over", patience_s=MACHINE_S)
    first, ended, back = memory.lines[1:4]
    seen(f"{first}; {ended}; {back}")

    assert first.startswith(f"limit {256 << 20} uses ")
    assert "oom-kill" in ended
    assert back.split()[4] != first.split()[5]
