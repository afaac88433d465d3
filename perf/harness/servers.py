"""Starts the servers of a comparison on free loopback ports and ends them by their pid.

Every server is a context manager: leaving it ends the process (SIGTERM, 10 s, SIGKILL) and removes
its folder, whatever happened inside. Server processes are pinned to cpu 0. The configurations of
the peers are written here, at run time, to answer the same body and the same headers as gr.
"""

import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time

from . import api, build

START_SECONDS = 10
SERVER_CPU = "0"
# Headers a peer writes by itself or that belong to one connection.
OWN_HEADERS = {"content-length", "content-type", "date", "server", "connection", "keep-alive"}

DEFAULT_BODY = (
    '{"name":"svc-0500","url":"http://localhost:20500","port":20500,"status":"stopped"}'
)
# Stands in for gr's reply when there is no gr to ask.
DEFAULT_HEADERS = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
]


def free_port():
    """A port below the ephemeral range: polling a port inside it can connect to itself."""
    for _ in range(200):
        port = random.randrange(22000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port between 22000 and 32000")


def wait_for(port, process):
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args} does not listen on {port}")


class Server:
    """One running server: name, port, pid. `prepare` returns the command; subclasses say how."""

    def __init__(self, name, environment=None):
        self.name = name
        self.environment = environment or {}
        self.process = None
        self.folder = None
        self.port = None

    def __enter__(self):
        try:
            self.folder = tempfile.mkdtemp(prefix=f"gr-perf-{self.name}-")
            self.start()
            return self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def start(self):
        self.port = free_port()
        self.spawn(self.command(self.port))
        wait_for(self.port, self.process)

    def command(self, port):
        raise NotImplementedError

    def spawn(self, command):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CPU, *command],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**os.environ, **self.environment}, start_new_session=True)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        self.log.close()

    def close(self):
        self.stop()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    @property
    def pid(self):
        return self.process.pid

    def path(self):
        return "/v1/resolve/svc-0500"


class Limit(Server):
    def __init__(self, name="limit", reply_bytes=154, closes=False, turns=False, **rest):
        super().__init__(name, **rest)
        self.arguments = (["--reply-bytes", str(reply_bytes)] + (["--close"] if closes else [])
                          + (["--turns"] if turns else []))

    def command(self, port):
        return [build.program("limit"), "--port", str(port), *self.arguments]

    def longest_turn(self):
        """(microseconds of the longest turn, of the busiest); ends the server."""
        self.stop()
        with open(os.path.join(self.folder, "log")) as file:
            wall, busy = re.findall(r"longest turn (\d+) us, busiest (\d+) us", file.read())[-1]
        return int(wall), int(busy)


def quoted(text):
    """A double-quoted word of an nginx configuration; `$` would begin a variable there."""
    if "$" in text or "\n" in text:
        raise ValueError(f"cannot stand in a configuration: {text!r}")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Nginx(Server):
    """`room` is its worker_connections: it closes idle ones when a sixteenth of them is left."""

    def __init__(self, body=DEFAULT_BODY, headers=DEFAULT_HEADERS, name="nginx", room=20_000,
                 **rest):
        super().__init__(name, **rest)
        self.body, self.headers, self.room = body, headers, room

    def command(self, port):
        extra = "\n".join(f"add_header {name} {quoted(value)};" for name, value in self.headers)
        configuration = f"""
            daemon off; master_process off; pid {self.folder}/pid; error_log stderr crit;
            worker_rlimit_nofile 20000;
            events {{ worker_connections {self.room}; }}
            http {{
                access_log off; default_type application/json;
                keepalive_requests 1000000000; keepalive_timeout 3600s;
                client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
                fastcgi_temp_path {self.folder}/fastcgi; uwsgi_temp_path {self.folder}/uwsgi;
                scgi_temp_path {self.folder}/scgi;
                server {{
                    listen 127.0.0.1:{port} backlog=4096;
                    location / {{ {extra} return 200 {quoted(self.body)}; }}
                }}
            }}"""
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(configuration)
        return ["nginx", "-e", "stderr", "-p", self.folder, "-c", path]


class Haproxy(Server):
    def __init__(self, body=DEFAULT_BODY, headers=DEFAULT_HEADERS, name="haproxy", **rest):
        super().__init__(name, **rest)
        self.body, self.headers = body, headers

    def command(self, port):
        # The value of a header is a log format: a percent sign is doubled there.
        extra = " ".join(
            f"hdr {name} {quoted(value.replace('%', '%%'))}" for name, value in self.headers)
        configuration = f"""
global
    nbthread 1
    maxconn 9900
defaults
    mode http
    timeout client 1h
    timeout connect 5s
    timeout server 1h
    timeout http-keep-alive 1h
frontend all
    bind 127.0.0.1:{port} backlog 4096
    http-request return status 200 content-type application/json string {quoted(self.body)} {extra}
"""
        path = os.path.join(self.folder, "haproxy.cfg")
        with open(path, "w") as file:
            file.write(configuration)
        return ["haproxy", "-db", "-f", path]


class Gr(Server):
    """The daemon with a home folder of its own and `services` registered services."""

    def __init__(self, binary, name="gr", services=1000, **rest):
        super().__init__(name, **rest)
        self.binary, self.services = binary, services

    def command(self, port):
        home = os.path.join(self.folder, "home")
        return [self.binary, "serve", "--home", home, "--listen", f"127.0.0.1:{port}"]

    def start(self):
        self.spawn(self.command(0))
        self.port = self.announced_port()
        api.register_services(self.port, self.services)

    def restart(self):
        """Ends the daemon and starts it again with the same, now warm, home."""
        self.stop()
        self.spawn(self.command(0))
        self.port = self.announced_port()

    def announced_port(self):
        limit = time.monotonic() + START_SECONDS
        while time.monotonic() < limit:
            with open(os.path.join(self.folder, "log"), "rb") as file:
                text = file.read(65536).decode(errors="replace")
            found = re.search(r"listening on http://[^\s]*:(\d+)", text)
            if found:
                return int(found.group(1))
            if self.process.poll() is not None:
                raise RuntimeError(f"gr ended with {self.process.returncode}: {text[-400:]}")
            time.sleep(0.02)
        raise RuntimeError(f"gr does not say where it listens: {text[-400:]}")


def same_reply(gr):
    """(body, headers, reply bytes) for the others of a comparison, from one reply of gr."""
    if gr is None:
        return DEFAULT_BODY, DEFAULT_HEADERS, 350
    headers, body, size = api.one_reply(gr.port, gr.path())
    return body, [pair for pair in headers if pair[0].lower() not in OWN_HEADERS], size
