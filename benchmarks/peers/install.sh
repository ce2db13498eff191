#!/bin/sh
# Puts the programs that GridSentinel is compared with into .bench/, each in an environment of its own, in pinned versions.
# What cannot be installed is told, and left out of the table.
set -u
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
mkdir -p .bench

thingsboard() {
    [ -x .bench/thingsboard/bin/thingsboard-gateway ] && return
    echo "installing the ThingsBoard IoT Gateway ..."
    # it would fetch the last three by itself, at its first start
    "$python" -m venv .bench/thingsboard && .bench/thingsboard/bin/python -m pip --disable-pip-version-check --quiet install \
        thingsboard-gateway==3.8.5 tb-mqtt-client==1.13.13 pymodbus==3.9.2 pyserial==3.5 pyserial-asyncio==0.6
}

node_red() {
    [ -f .bench/node-red/node_modules/node-red-contrib-modbus/package.json ] && return
    echo "installing Node-RED ..."
    mkdir -p .bench/node-red && echo '{"private": true}' >.bench/node-red/package.json
    (cd .bench/node-red && npm install --silent --no-audit --no-fund --ignore-scripts --save-exact \
        node-red@4.1.15 node-red-contrib-modbus@5.23.3)
}

c_program() {
    [ ".bench/$1" -nt "benchmarks/peers/$1.c" ] && return
    "${CC:-cc}" -O2 -Wall -Wextra -I/usr/include/modbus -I/usr/local/include/modbus -o ".bench/$1" "benchmarks/peers/$1.c" $2
}

thingsboard || echo "no ThingsBoard IoT Gateway: $python needs venv and PyPI" >&2
node_red || echo "no Node-RED: apt install npm" >&2
c_program reader -lmodbus || echo "no libmodbus loop: apt install gcc libmodbus-dev" >&2
c_program subscriber "" || echo "no subscriber in C: apt install gcc" >&2
