"""A model server for measurements: OpenAI chat completions, streamed, over plain HTTP on loopback.

What it says is a function of the caller, which gets the request and yields events. It runs in
threads of the caller's process, away from the core of the servers. Tests of behaviour use llmock;
this one exists because a measurement has to say when each piece is sent.
"""

import http.server
import json
import os
import threading

from . import clients


def text(words):
    return {"choices": [{"index": 0, "delta": {"role": "assistant", "content": words},
                         "finish_reason": None}]}


def calls(number, *tools):
    """A turn that asks for tools, each a (name, arguments)."""
    return {"choices": [{"index": 0, "finish_reason": None, "delta": {"tool_calls": [
        {"index": index, "id": f"call_{number}_{index}", "type": "function",
         "function": {"name": name, "arguments": json.dumps(arguments)}}
        for index, (name, arguments) in enumerate(tools)]}}]}


def end(reason):
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}


class Model:
    """A server whose answers are what `answer(request)` yields; ends with the block."""

    def __init__(self, answer):
        outer = self
        self.failures = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                try:
                    for event in answer(request):
                        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
                        self.wfile.flush()
                    self.wfile.write(b"data: [DONE]\n\n")
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the run was ended
                except Exception as error:  # told in the main thread
                    outer.failures.append(error)

            def log_message(self, *_):
                pass

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Threads(("127.0.0.1", 0), Handler)

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        # Of this thread, and of those it begins.
        os.sched_setaffinity(0, {int(clients.CLIENT_CPU)})
        self.server.serve_forever(poll_interval=0.05)

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    @property
    def environment(self):
        return {"OPENAI_BASE_URL": f"http://127.0.0.1:{self.server.server_port}/v1",
                "OPENAI_API_KEY": "sk-of-a-measurement"}
