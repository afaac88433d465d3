"""Runs the C load generators and gives the caller the moment between warm-up and measurement.

The generator is pinned to cpu 1. It is ended by its pid when the caller leaves, whatever happened.
A run with any error, a status other than 200 or a checksum that does not fit is an exception.
"""

import json
import mmap
import os
import struct
import subprocess

from . import build

CLIENT_CPU = "1"


class Client:
    """A generator process spoken to line by line."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen(
            ["taskset", "-c", CLIENT_CPU, build.program(program), *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def line(self):
        """The next line; the generator bounds every wait of its own, so this ends."""
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"{self.process.args}: {self.process.stderr.read().strip()}")
        return line.strip()

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def finish(self):
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdin = None
        if code != 0:
            raise RuntimeError(f"{self.process.args}: status {code}")


def measured_load(server, before, after, path=None, **options):
    """One load: `before()` after the warm-up, `after()` when the last reply has come.

    Options are those of perf/load/load.c (connections, depth, seconds, requests, close).
    Returns the generator's report.
    """
    arguments = ["--port", server.port, "--path", path or server.path(), "--gate"]
    for name, value in options.items():
        arguments += [f"--{name}"] if value is True else [f"--{name}", value]
    with Client("load", *arguments) as client:
        if client.line() != "ready":
            raise RuntimeError("the generator is not ready")
        before()
        client.go()
        report = json.loads(client.line())
        after()
        client.finish()
    if report["parsed"] == 1:
        expected = report["requests"] * int(report["oneReply"], 16) % (1 << 64)
        if expected != int(report["checksum"], 16):
            raise RuntimeError("the checksum of the bodies does not fit their number")
    return report


class AllocationCounts:
    """The mapped file of Benchmarks/CAllocationCounter."""

    NAMES = ("owner", "malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign",
             "memalign", "free", "bytes")

    def __init__(self, folder):
        self.path = os.path.join(folder, "allocations")
        with open(self.path, "wb") as file:
            file.truncate(4096)
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 4096)

    def environment(self):
        return {"LD_PRELOAD": build.program("allocation_counter.so"),
                "GR_ALLOCATION_COUNTS": self.path}

    def read(self):
        return dict(zip(self.NAMES, struct.unpack("9Q", self.map[:72])))

    @staticmethod
    def allocations(before, after):
        """Calls that hand out memory; free and the bytes are told apart."""
        names = AllocationCounts.NAMES[1:7]
        return sum(after[name] - before[name] for name in names)
