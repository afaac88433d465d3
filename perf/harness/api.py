"""The few calls of gr's HTTP API the measurements need.

One kept connection a caller; every call has a timeout; an answer that is not the expected one is
an error, so that no script can measure a daemon that refuses it.
"""

import http.client
import json

TIMEOUT_SECONDS = 40


class API:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def call(self, method, path, body=None, expect=(200, 201, 204)):
        """(status, decoded JSON or None, headers)."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, body=text, headers=headers)
        reply = self.connection.getresponse()
        data = reply.read()
        if reply.status not in expect:
            raise RuntimeError(f"{method} {path}: {reply.status} {data[:200]!r}")
        try:
            value = json.loads(data) if data else None
        except ValueError:
            value = None
        return reply.status, value, reply.getheaders()


def register_services(port, count):
    """svc-0001 ... svc-N on ports 20001 ..."""
    with API(port) as api:
        for number in range(1, count + 1):
            body = {"name": f"svc-{number:04d}", "port": 20000 + number, "cmd": "sleep 60"}
            api.call("POST", "/v1/services", body)


def one_reply(port, path):
    """(head lines as (name, value), body as text, size of the whole reply in bytes)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"GET {path}: {reply.status} {body[:200]!r}")
        headers = reply.getheaders()
        head = f"HTTP/1.1 {reply.status} {reply.reason}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        return headers, body.decode(), len(head.encode()) + len(body)
    finally:
        connection.close()
