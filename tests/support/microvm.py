"""The same Debian once more, with a kernel of its own, for what a container cannot show: limits of memory.

QEMU computes each instruction of it, so it runs on every computer, and slowly. Root and kernel lie in its memory: it
has neither disk nor network, and leaves nothing behind. What it says comes over a serial line.
"""

import subprocess
from pathlib import Path
from typing import Final

from follow import Follow

MEMORY_MB: Final = 2048
LEFT_OUT: Final = (
    *("var/cache", "var/lib/apt", "var/log", "var/lib/gridsentinel", "boot"),
    *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/perl", "usr/lib/x86_64-linux-gnu/perl-base"),
)
"""Of the root: what its memory is not worth. The folders are there, and empty."""
TARGET: Final = """
[Unit]
DefaultDependencies=no
Requires=sysinit.target dbus.socket
After=sysinit.target dbus.socket
Wants=acceptance.service gridsentinel.service
"""
SCRIPT: Final = """
[Unit]
DefaultDependencies=no
After=gridsentinel.service
[Service]
Type=oneshot
StandardOutput=file:/dev/ttyS1
StandardError=inherit
ExecStart=/bin/sh /acceptance.sh
ExecStopPost=/bin/systemctl poweroff --force --force
"""
EARLY: Final = "[Unit]\nDefaultDependencies=no\n"
"""The gateway waits for nothing that is not there: there is no network, and whoever logs in would wait for it."""
KERNEL: Final = "console=ttyS0 quiet mitigations=off rdinit=/lib/systemd/systemd systemd.unit=acceptance.target"
CLOCK: Final = "shift=1,sleep=off"
"""Two nanoseconds an instruction, none while it waits: no limit of time is missed because the computer is busy."""


def start(root: Path, scratch: Path, script: str) -> Follow:
    """Boot what `root` is now with its kernel and its gateway, run `script` in it, and switch it off.

    `scratch` is an empty folder; the lines are those of the script alone.
    """
    added = scratch / "added"
    files = {
        "acceptance.sh": script,
        "etc/systemd/system/acceptance.target": TARGET,
        "etc/systemd/system/acceptance.service": SCRIPT,
        "etc/systemd/system/gridsentinel.service.d/early.conf": EARLY,
    }
    for name, text in files.items():
        (added / name).parent.mkdir(parents=True, exist_ok=True)
        (added / name).write_text(text)
    archive = scratch / "root.cpio"
    left_out = " -o ".join(f"-path './{name}/*'" for name in LEFT_OUT)
    with archive.open("wb") as written:
        for source, words in ((root, f"\\( {left_out} \\) -prune -o -print0"), (added, "-print0")):
            pack = f"find . -xdev {words} | cpio --null --create --format=newc --quiet"
            subprocess.run(("sh", "-c", pack), cwd=source, stdout=written, check=True)
    return Follow(
        (
            *("qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-icount", CLOCK, "-m", str(MEMORY_MB)),
            *("-nodefaults", "-display", "none", "-no-reboot"),
            *("-kernel", str(root / "boot/vmlinuz"), "-initrd", str(archive), "-append", KERNEL),
            *("-serial", f"file:{scratch}/console.log", "-serial", "stdio"),
        ),
        {"PATH": "/usr/bin:/bin"},
    )
