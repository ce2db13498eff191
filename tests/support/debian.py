"""An empty Debian that boots, fetched once, and what is to be installed there later, as there is no network."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

PACKAGES: Final = "python3 python3-venv mosquitto mosquitto-clients"
"""In the cache of apt, not installed: what the package depends on, the broker, one that listens to it, and for pip."""
KERNEL: Final = "linux-image-cloud-amd64"
RECIPE: Final = f"""
set -e
mmdebstrap --mode=root --variant=minbase --include=systemd-sysv,dbus --skip=cleanup/apt \\
    --dpkgopt=force-unsafe-io "$1" "$2"
# what Debian does at its own hours, such as at midnight, is not to come in between
ln -s /dev/null "$2/etc/systemd/system/timers.target"
chroot "$2" apt-get install -y --download-only {PACKAGES}
cd "$2/tmp"
kernel=$(chroot .. apt-cache depends {KERNEL} | sed -n 's/.*Depends: \\(linux-image-[0-9].*\\)/\\1/p')
chroot .. sh -c "cd /tmp && apt-get download $kernel"
dpkg-deb --fsys-tarfile "$kernel"_*.deb | tar -x --strip-components=2 -C ../boot --wildcards './boot/vmlinuz-*'
rm "$kernel"_*.deb
mv ../boot/vmlinuz-* ../boot/vmlinuz
"""


class NoDebianError(Exception):
    """The root could not be fetched; the message has the last words of what tried."""


def debian(release: str, cache: Path) -> Path:
    """Return the folder of its root; made if there is none yet that was made by this recipe."""
    folder = cache / f"{release}-{hashlib.sha256(RECIPE.encode()).hexdigest()[:8]}"
    if not folder.exists():
        for old in cache.glob(f"{release}-*"):
            shutil.rmtree(old)
        part = cache / f"{release}-part"
        part.mkdir(parents=True)
        command = ("sh", "-c", RECIPE, "debian", release, str(part))
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            last = "\n".join(done.stdout.splitlines()[-10:])
            raise NoDebianError(f"no Debian {release} could be made (does the mirror of Debian answer?):\n{last}")
        part.rename(folder)
    return folder
