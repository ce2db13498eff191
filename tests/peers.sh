#!/bin/sh
# Makes sure that a real Mosquitto and openssl are there for the tests: the installed ones, else Debian's packages,
# installed by root or, Mosquitto, unpacked into .peers/ by anybody else. Nothing is started here; the tests start their
# own on free ports.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/usr/local/sbin"

command -v openssl >/dev/null 2>&1 || packages=openssl
command -v mosquitto >/dev/null 2>&1 || [ -x .peers/usr/sbin/mosquitto ] || packages="${packages:-} mosquitto"
[ -n "${packages:-}" ] || exit 0
command -v apt-get >/dev/null 2>&1 || {
    echo "the tests need in PATH: $packages. Install them with your package manager" >&2
    exit 1
}
echo "fetching $packages ..."
if [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    # no service may start because of us: the tests run their own broker
    policy=/usr/sbin/policy-rc.d
    made=
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=1; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null || failed=1
    [ -z "$made" ] || rm -f $policy
    [ -z "${failed:-}" ] || { echo "apt-get could not install $packages" >&2; exit 1; }
    exit 0
fi
case $packages in *openssl*) echo "the tests need openssl: ask for the package to be installed" >&2; exit 1 ;; esac
mkdir -p .peers/deb
cd .peers/deb
apt-get download -q $(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances mosquitto | grep -E '^(mosquitto|libmosquitto|libwebsockets|libcjson|libev|libuv|libdlt)' |
    sort -u) >/dev/null
for deb in *.deb; do dpkg -x "$deb" ..; done
