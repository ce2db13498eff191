#!/bin/sh
# Makes sure that what makes machines and packages is there; only root can install it, and only root needs it.
set -eu
for each in debootstrap:debootstrap systemd-nspawn:systemd-container dpkg-deb:dpkg nsenter:util-linux; do
    command -v "${each%%:*}" >/dev/null 2>&1 || packages="${packages:-} ${each#*:}"
done
[ -n "${packages:-}" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "the acceptance needs root and:$packages" >&2
    exit 1
fi
echo "fetching$packages ..."
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
