"""A fake API server full of workloads, and a daemon that knows it: what perf/sync runs.

The fake is Tests/FakeCluster in release, on the generators' cpu. It ends with its pid, as gr does.
"""

import http.client
import json
import os
import subprocess
import time

from . import build, clients, process, servers

TOKEN = "for-this-run-only"
TIMEOUT_SECONDS = 120


class FakeCluster(servers.Server):
    """`count` Deployments of some 3 KB each, as large as real ones."""

    def __init__(self, count):
        super().__init__("fake")
        self.count = count

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", clients.CLIENT_CPU, build.fake_cluster(), self.folder],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        words = self.announced()
        self.port, self.control = int(words[1]), int(words[2])
        self.tell(f"seed?count={self.count}")
        # Its controllers look at each object once.
        last = -1
        while (now := process.cpu_nanoseconds(self.pid)) - last > 5_000_000:
            last = now
            time.sleep(0.5)

    def announced(self):
        limit = time.monotonic() + servers.START_SECONDS
        while time.monotonic() < limit and self.process.poll() is None:
            with open(os.path.join(self.folder, "log")) as file:
                text = file.read()
            if text.startswith("ready ") and text.endswith("\n"):
                return text.split()
            time.sleep(0.02)
        raise RuntimeError("the fake cluster is not ready")

    def tell(self, words):
        connection = http.client.HTTPConnection("127.0.0.1", self.control, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", f"/fake/{words}")
            reply = connection.getresponse()
            if reply.status != 200:
                raise RuntimeError(f"{words}: {reply.status} {reply.read()!r}")
        finally:
            connection.close()

    def kubeconfig(self):
        with open(os.path.join(self.folder, "kubeconfig.token")) as file:
            return file.read()

    def download(self, paths):
        """curl for all `paths` on one connection: (seconds without its own start, bytes, the body
        when there is one path)."""
        sink = os.path.join(self.folder, "body")
        command = ["taskset", "-c", servers.SERVER_CPU, "curl", "-sS", "-f",
                   "--cacert", os.path.join(self.folder, "ca.crt"),
                   "-H", "Authorization: Bearer " + self.token(), "-w",
                   "%{stderr}%{time_total} %{size_download}\\n"]
        for path in paths:
            command += ["-o", sink if len(paths) == 1 else "/dev/null",
                        f"https://127.0.0.1:{self.port}{path}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        if result.returncode != 0:
            raise RuntimeError(f"curl: {result.stderr}")
        body = ""
        if len(paths) == 1:
            with open(sink) as file:
                body = file.read()
        figures = [line.split() for line in result.stderr.splitlines()]
        return sum(float(line[0]) for line in figures), sum(int(line[1]) for line in figures), body

    def pod_environment(self):
        """What a pod of the cluster has in its environment; its mount is made in the folder."""
        mount = os.path.join(self.folder, "service-account")
        os.makedirs(mount, exist_ok=True)
        with open(os.path.join(self.folder, "ca.crt")) as file:
            authority = file.read()
        for name, text in (("token", self.token()), ("ca.crt", authority),
                           ("namespace", "default")):
            with open(os.path.join(mount, name), "w") as file:
                file.write(text)
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port),
                "GR_SERVICE_ACCOUNT_FOLDER": mount}

    def token(self):
        line = next(line for line in self.kubeconfig().splitlines() if "token:" in line)
        return line.split(":", 1)[1].strip().strip('"')


class Gr(servers.Gr):
    """A daemon that can be given a cluster."""

    def __init__(self, binary, services=0, environment=None):
        super().__init__(binary, services=services,
                         environment={"GR_TOKEN": TOKEN, **(environment or {})})
        self.cluster = None

    def call(self, method, path, body=None):
        """The decoded answer."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            reply = connection.getresponse()
            data = reply.read()
            if reply.status not in (200, 201):
                raise RuntimeError(f"{method} {path}: {reply.status} {data[:300]!r}")
            return json.loads(data)
        finally:
            connection.close()

    def add(self, fake):
        """Registers a cluster; seconds from the request to the end of its first list."""
        events = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            events.request("GET", "/v1/events", headers={"Authorization": f"Bearer {TOKEN}"})
            stream = events.getresponse()
            began = time.monotonic()
            body = {"name": "large", "provider": "kind", "kubeconfig": fake.kubeconfig()}
            self.cluster = self.call("POST", "/k8s/clusters", body)["id"]
            while True:
                line = stream.readline()
                if not line:
                    raise RuntimeError("the events ended before the list did")
                if line.strip() == b"event: cluster.synced":
                    return time.monotonic() - began
        finally:
            events.close()

    def turn(self):
        """Microseconds of CPU of the busiest turn since the start."""
        return self.call("GET", "/v1/daemon/stats")["reactor"]["busiestTurnMicroseconds"]
