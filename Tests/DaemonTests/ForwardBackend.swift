// What listens behind the pods of the fake cluster: a small HTTP server in Python, for tests that
// forward ports. Ended by pid with the test.

import TestSupport
import Testing

/// A server behind the pods: `GET /` says hello, a POST is answered with its own body. It
/// closes behind each answer, since a client's end cannot be told through an API server.
final class ForwardBackend {
    let folder = TemporaryFolder()
    let port: Int
    private let program: Outsider

    private static let script = """
        import http.server, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, body):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def do_GET(self):
                self.answer(b"hello\\n")
            def do_POST(self):
                self.answer(self.rfile.read(int(self.headers["Content-Length"])))
            def log_message(self, *words):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        open(sys.argv[1], "w").write(str(server.server_address[1]) + "\\n")
        server.serve_forever()
        """

    init() throws {
        let place = folder.file("port")
        program = try Outsider(["python3", "-S", "-c", Self.script, place])
        _ = eventually(within: 10_000) { TextFile.read(place)?.hasSuffix("\n") == true }
        port = try #require(TextFile.read(place).flatMap { Int($0.dropLast()) })
    }
}
