#!/bin/sh
# run.sh COMMAND: runs the acceptance where nothing of it can be left behind. Mounts and processes end with this one, however
# it ends. It needs root, the mirror of Debian for the first time, and what it fetches from there; NEEDS names more of that.
set -eu
lock=/usr/bin/systemd-nspawn # always there by then, and the same for every checkout of this computer

if [ "$(id -u)" != 0 ]; then
    echo "the acceptance needs root: it boots a Debian of its own" >&2
    exit 1
fi
for each in mmdebstrap:mmdebstrap systemd-nspawn:systemd-container qemu-system-x86_64:qemu-system-x86 cpio:cpio \
    dpkg-deb:dpkg unshare:util-linux ${NEEDS:-}; do
    command -v "${each%%:*}" >/dev/null 2>&1 || packages="${packages:-} ${each#*:}"
done
if [ -n "${packages:-}" ]; then
    command -v apt-get >/dev/null 2>&1 || { echo "the acceptance needs$packages, and there is no apt" >&2; exit 1; }
    echo "fetching$packages ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi
exec 9<"$lock"
flock --nonblock 9 || { echo "another acceptance is at work on this computer" >&2; exit 1; }
unshare --mount --pid --fork --mount-proc true || {
    echo "the acceptance needs all capabilities of root (CAP_SYS_ADMIN): it makes namespaces and mounts" >&2
    exit 1
}
# the shell in between takes leave of whatever ends in there
exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc sh -c '"$@"; exit $?' sh "$@"
