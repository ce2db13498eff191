#!/bin/sh
# Builds an outstation of opendnp3 2.2 (Apache-2.0), whose sources come in the pydnp3 package of PyPI, into
# .peers/opendnp3. Takes about three minutes on two cores the first time; needs cmake and g++.
set -eu
cd "$(dirname "$0")/../../../.."
here=$PWD/tests/protocols/dnp3/peer
sum=e7b8c05b3593e1edeac6bb764629d45cb62a8bd32eec38179559d426d581efed
url=https://files.pythonhosted.org/packages/3d/7b/9da4115503bdce211323caaa12ad7a5128470366a62cdc9c3877549d0be5
mkdir -p .peers/opendnp3
cd .peers/opendnp3
[ outstation -nt "$here/outstation.cpp" ] && exit 0
for tool in cmake g++; do
    command -v $tool >/dev/null 2>&1 || { echo "building opendnp3 needs cmake and g++: apt install cmake g++" >&2; exit 1; }
done
if [ ! -f build/libasiodnp3.a ]; then
    python3 -c 'import sys, urllib.request as r; open("pydnp3.tar.gz", "wb").write(r.urlopen(sys.argv[1]).read())' \
        "$url/pydnp3-0.1.0.tar.gz"
    echo "$sum  pydnp3.tar.gz" | sha256sum --check --quiet
    tar xzf pydnp3.tar.gz pydnp3-0.1.0/deps/dnp3
    mkdir -p build
    # headers that compilers of 2018 included by themselves
    cmake -S pydnp3-0.1.0/deps/dnp3 -B build -Wno-dev -DCMAKE_POLICY_VERSION_MINIMUM=3.5 -DSTATICLIBS=ON \
        -DCMAKE_CXX_FLAGS="-w -include cstdint -include functional -include string" >build.log 2>&1
    cmake --build build --target asiodnp3 --parallel 2 >>build.log 2>&1 || { tail build.log >&2; exit 1; }
fi
source=pydnp3-0.1.0/deps/dnp3
g++ -O1 -w -std=c++14 -DASIO_STANDALONE -include cstdint -include functional -I $source/cpp/libs/include \
    -I $source/deps/asio/asio/include "$here/outstation.cpp" -o outstation \
    -L build -lasiodnp3 -lasiopal -lopendnp3 -lopenpal -lpthread
