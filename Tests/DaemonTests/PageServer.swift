// The web server of the pages that tests show to a browser (python3), on a loopback port of its
// own. It keeps what the pages report. Beside it listens an open one, which grants and answers
// everything: what gets through to that one and not to the daemon is what the daemon keeps out.

import TestSupport
import Testing

/// Serves the files of a folder to pages.
final class PageServer {
    private let folder = TemporaryFolder()
    private let program: Outsider
    let port: UInt16
    /// Where the open server listens.
    let openPort: UInt16

    /// `six`: the pages are on this port of [::1] too, until one of them asks for `/leave`.
    init(_ pages: [String: String], six: UInt16 = 0) throws {
        for (name, text) in pages { TemporaryFolder.write(text, to: folder.file(name)) }
        TemporaryFolder.write(Self.python, to: folder.file("server.py"))
        program = try Outsider(
            ["python3", "-B", folder.file("server.py"), folder.path, "\(six)"],
            environment: ["PYTHONUNBUFFERED=1"])
        let ready = folder.file("ready")
        guard eventually(within: 10_000, { TextFile.read(ready)?.hasSuffix("\n") == true }),
            let words = TextFile.read(ready)?.split(whereSeparator: { $0 == " " || $0 == "\n" }),
            words.count == 2, let first = UInt16(words[0]), let second = UInt16(words[1])
        else { throw NotListening() }
        (port, openPort) = (first, second)
    }

    struct NotListening: Error {}

    /// Replaces a page.
    func write(_ text: String, to name: String) {
        TemporaryFolder.write(text, to: folder.file(name))
    }

    /// What pages reported, one JSON text each.
    var reports: [JSONValue] { lines("reports").compactMap { JSONValue(Array($0.utf8)) } }

    /// Waits for so many reports.
    func reports(_ count: Int, within seconds: Int = 28) -> [JSONValue] {
        _ = eventually(within: seconds * 1_000) { reports.count >= count }
        return reports
    }

    /// The names of the attacks that came through to the open server.
    var arrived: Set<String> { Set(lines("arrived").map(String.init)) }

    /// Whole lines only: the last may be half written.
    private func lines(_ name: String) -> [Substring] {
        let text = TextFile.read(folder.file(name)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    }

    private static let python = #"""
        import base64, hashlib, http.server, os, signal, socket, sys, threading, urllib.parse

        folder, six = sys.argv[1], int(sys.argv[2])
        signal.alarm(120)
        lock = threading.Lock()

        def note(name, text):
            with lock, open(f"{folder}/{name}", "a") as file:
                file.write(text + "\n")

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def body(self):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

            def answer(self, status, kind="text/plain", body="", **fields):
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body.encode())

        class Pages(Handler):
            def do_GET(self):
                path, _, query = self.path.partition("?")
                # A page in a sandbox has the origin "null".
                more = {}
                if path.startswith("/sandbox/"):
                    path = path[len("/sandbox"):]
                    more["Content_Security_Policy"] = \
                        "sandbox allow-scripts allow-forms allow-popups"
                if path == "/leave":
                    self.server.leave(self.connection)
                    self.answer(204)
                elif path == "/redirect":
                    self.redirect(query)
                elif os.path.exists(folder + path):
                    kind = "text/javascript" if path.endswith(".js") else "text/html"
                    self.answer(200, kind, open(folder + path).read(), **more)
                else:
                    self.answer(404)

            def do_POST(self):
                path, _, query = self.path.partition("?")
                text = self.body()
                if path == "/redirect":
                    self.redirect(query)
                else:
                    note("reports", text)
                    self.answer(204)

            def redirect(self, query):
                to = urllib.parse.parse_qs(query)["to"][0]
                origin = self.headers.get("Origin") or "*"
                self.answer(307, Location=to, Access_Control_Allow_Origin=origin)

        class Open(Handler):
            def do_OPTIONS(self):
                self.grant(204)

            def grant(self, status, kind="text/plain", body=""):
                self.answer(
                    status, kind, body,
                    Access_Control_Allow_Origin=self.headers.get("Origin") or "*",
                    Access_Control_Allow_Credentials="true",
                    Access_Control_Allow_Methods="POST, PUT, PATCH, DELETE",
                    Access_Control_Allow_Headers="content-type, x-gretl")

            def do_GET(self):
                self.body()
                query = urllib.parse.parse_qs(self.path.partition("?")[2])
                note("arrived", query.get("attack", ["?"])[0])
                key = self.headers.get("Sec-WebSocket-Key")
                if key:
                    magic = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
                    accept = base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode()
                    self.protocol_version = "HTTP/1.1"
                    self.send_response(101)
                    self.send_header("Upgrade", "websocket")
                    self.send_header("Connection", "Upgrade")
                    self.send_header("Sec-WebSocket-Accept", accept)
                    self.end_headers()
                    return
                kinds = {
                    "script": ("text/javascript", ";"), "style": ("text/css", "a{}"),
                    "image": ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
                }
                kind = kinds.get(self.headers.get("Sec-Fetch-Dest"), ("text/html", "open"))
                if "text/event-stream" in self.headers.get("Accept", ""):
                    kind = ("text/event-stream", "data: open\n\n")
                self.grant(200, *kind)

            do_HEAD = do_POST = do_DELETE = do_PUT = do_PATCH = do_GET

        class Six(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6
            connections = []

            def process_request(self, request, address):
                self.connections.append(request)
                super().process_request(request, address)

            def leave(self, last):
                """From here on nobody answers, on what a browser opened early neither."""
                self.shutdown()
                self.server_close()
                for connection in self.connections:
                    if connection is not last and connection.fileno() >= 0:
                        connection.shutdown(socket.SHUT_RDWR)

        servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
                   for kind in (Pages, Open)]
        ports = " ".join(str(server.server_port) for server in servers)
        if six:
            servers.append(Six(("::1", six), Pages))
        threads = [threading.Thread(target=server.serve_forever) for server in servers]
        for thread in threads:
            thread.start()
        with open(f"{folder}/ready", "w") as file:
            file.write(ports + "\n")
        for thread in threads:
            thread.join()
        """#
}
