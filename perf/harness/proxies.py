"""TCP proxies in front of one sink, each a server of harness/servers.py with a port to go to."""

import os
import subprocess

from . import build, clients, servers


class Sink(servers.Server):
    """The other end of every proxy; beside the sender on its cpu, so that cpu 0 is the proxy's."""

    def __init__(self):
        super().__init__("sink")

    def command(self, port):
        return [build.program("stream"), "sink", "--port", str(port)]

    def spawn(self, command):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(["taskset", "-c", clients.CLIENT_CPU, *command],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)


class Proxy(servers.Server):
    """A program that takes --port and --to."""

    def __init__(self, name, program, to, *arguments):
        super().__init__(name)
        self.program, self.to, self.arguments = program, to, arguments

    def command(self, port):
        return [self.program, "--port", str(port), "--to", str(self.to), *self.arguments]

    def last_words(self):
        """What it printed until it was ended, which this does."""
        self.stop()
        with open(os.path.join(self.folder, "log")) as file:
            return file.read()


class HaproxyTCP(servers.Server):
    """Splicing forced both ways: `splice-auto` does not engage on loopback."""

    def __init__(self, to):
        super().__init__("haproxy")
        self.to = to

    def command(self, port):
        configuration = f"""
global
    nbthread 1
    maxconn 1000
defaults
    mode tcp
    option splice-request
    option splice-response
    timeout client 1h
    timeout connect 5s
    timeout server 1h
listen all
    bind 127.0.0.1:{port} backlog 4096
    server sink 127.0.0.1:{self.to}
"""
        path = os.path.join(self.folder, "haproxy.cfg")
        with open(path, "w") as file:
            file.write(configuration)
        return ["haproxy", "-db", "-f", path]
