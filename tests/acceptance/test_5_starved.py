"""The last part: the gateway of the first in a machine with a kernel of its own, then with too little memory."""

from installed import PRIVATE, STATE
from seen import seen

MACHINE_S = 900.0
"""Within it QEMU has booted, started the gateway twice, and ended, on a computer that does much else."""


def test_its_own_kernel_lets_it_write_nowhere_else(memory):
    """Without a container around it, too, it may write in its own directories only."""
    line = memory.until(lambda line: line.startswith("writable "), "the machine in QEMU", patience_s=MACHINE_S)
    writable = {path for path in line.split()[1:] if STATE + "/" not in path}
    seen(f"may write in {' '.join(sorted(writable))}")

    assert {STATE} <= writable <= PRIVATE


def test_too_much_memory_is_ended(memory):
    """Beyond MemoryMax the kernel ends it, alone, and it comes back; seen in a machine with a kernel of its own."""
    memory.until(lambda line: line == "over", "the machine in QEMU to be over", patience_s=MACHINE_S)
    first, ended, back = memory.lines[1:4]
    seen(f"{first}; {ended}; {back}")

    assert first.startswith(f"limit {256 << 20} uses ")
    assert "oom-kill" in ended
    assert back.split()[4] != first.split()[5]
