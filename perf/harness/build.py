"""Builds the C programs of perf/ into .build/perf and knows where everything stands.

Used by every script before it starts anything. It never builds gr: that is `make release`, and a
measurement of a stale or debug build would be worse than none, so a missing binary is said aloud.
"""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUTPUT = os.path.join(ROOT, ".build", "perf")
DEFAULT_GR = os.path.join(ROOT, ".build", "release", "gr")

LOAD = os.path.join(ROOT, "perf", "load")
HEADERS = [os.path.join(LOAD, name) for name in ("client.h", "reply.h")]
FLAGS = ["-std=gnu11", "-O3", "-Wall", "-Wextra", "-Werror"]
COUNTER = os.path.join(ROOT, "Benchmarks", "CAllocationCounter", "allocation_counter.c")

PROGRAMS = {
    "limit": ([os.path.join(LOAD, "limit.c")], []),
    "load": ([os.path.join(LOAD, "load.c"), os.path.join(LOAD, "reply.c")], []),
    "idle": ([os.path.join(LOAD, "idle.c"), os.path.join(LOAD, "reply.c")], []),
    "listen": ([os.path.join(LOAD, "listen.c")], []),
    "startup": ([os.path.join(LOAD, "startup.c"), os.path.join(LOAD, "reply.c")], []),
    "hear": ([os.path.join(LOAD, "hear.c")], []),
    "fanout": ([os.path.join(LOAD, "fanout.c")], []),
    "proxy": ([os.path.join(LOAD, "proxy.c")], []),
    "stream": ([os.path.join(LOAD, "stream.c")], []),
    "allocation_counter.so": ([COUNTER], ["-shared", "-fPIC"]),
}


def program(name):
    """The path of one of PROGRAMS, compiled when a source is newer than it."""
    sources, flags = PROGRAMS[name]
    path = os.path.join(OUTPUT, name)
    newest = max(os.path.getmtime(source) for source in sources + HEADERS)
    if not os.path.exists(path) or os.path.getmtime(path) < newest:
        os.makedirs(OUTPUT, exist_ok=True)
        subprocess.run(["cc", *FLAGS, *flags, "-o", path, *sources], check=True)
    return path


def tether():
    """The path of Benchmarks/tether, built for release: gr's way of moving bytes, alone."""
    subprocess.run(["swift", "build", "-c", "release", "--static-swift-stdlib", "--product",
                    "tether"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return os.path.join(ROOT, ".build", "release", "tether")


def fake_cluster():
    """The path of the fake API server of the tests, built for release."""
    subprocess.run(["swift", "build", "-c", "release", "--static-swift-stdlib", "--product",
                    "fake-cluster"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return os.path.join(ROOT, ".build", "release", "fake-cluster")


def find_gr(path):
    """The absolute path of gr, or None after a word on stderr when it is not there."""
    path = os.path.abspath(path)
    if os.access(path, os.X_OK):
        return path
    print(f"no gr at {path}: only the limit and the peers are measured", file=sys.stderr)
    return None
