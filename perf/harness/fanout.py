"""What one event costs that many clients hear: gr beside the least a C program can do.

Used by perf/events and perf/websocket. The limit writes the same bytes to each connection with one
plain write; who listens is perf/load/hear.c for both.
"""

import os
import subprocess
import time

from . import build, clients, process, servers


class Limit(servers.Server):
    """perf/load/fanout.c, spoken to by lines."""

    def __init__(self, frame_bytes, *words):
        super().__init__("limit")
        self.arguments = [str(frame_bytes), *words]

    def start(self):
        self.port = servers.free_port()
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", servers.SERVER_CPU, build.program("fanout"), str(self.port),
             *self.arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        if self.process.stdout.readline().strip() != "listening":
            raise RuntimeError("the limit does not listen")

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def tell(self, events):
        self.say(f"w {events}")

    def child(self):
        self.say("c")
        return int(self.process.stdout.readline())


def listening(server, count, path, *words):
    return clients.Client("hear", server.port, path, count, 1, *words)


def say(client, line):
    client.process.stdin.write(line + "\n")
    client.process.stdin.flush()
    return client.line()


def cpu_of(server, client, events):
    """CPU nanoseconds of the server for `events` at once to everybody."""
    before = process.cpu_nanoseconds(server.pid)
    server.tell(events)
    if say(client, f"e {events}") != "heard":
        raise RuntimeError("not heard")
    time.sleep(0.02)
    return process.cpu_nanoseconds(server.pid) - before


def rounds(gr, limit, path, listeners, count, sizes, *words):
    """{events at once: [(gr, limit) of each round]} in CPU nanoseconds."""
    found = {events: [] for events in sizes}
    with listening(gr, listeners, path, *words) as first, \
            listening(limit, listeners, path, *words) as second:
        for client in (first, second):
            if client.line() != "ready":
                raise RuntimeError("the listeners are not ready")
        for number in range(count + 1):
            for events, pairs in found.items():
                # The first round warms up.
                order = [(gr, first), (limit, second)]
                if number % 2:
                    order.reverse()
                took = {server.name: cpu_of(server, client, events) for server, client in order}
                if number:
                    pairs.append((took["gr"], took["limit"]))
        for client in (first, second):
            client.finish()
    return found
