#!/bin/sh
# Makes sure that a Chromium is there: an installed one, else Debian's package, which only root can install.
set -eu
for each in chromium-headless-shell chromium google-chrome; do
    if command -v $each >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "the tests in a browser need a Chromium in PATH: apt install chromium" >&2
    exit 1
fi
echo "fetching chromium ..."
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell >/dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
