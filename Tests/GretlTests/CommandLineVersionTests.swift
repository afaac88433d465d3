// The remark about a daemon of another version: once, on standard error, from what an answer says
// anyway.

import Testing

@testable import Gretl

struct CommandLineVersionTests {
    private func answer(_ server: String) -> String {
        let body = #"{"services":[]}"#
        return "HTTP/1.1 200 OK\r\n\(server)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test func `a daemon of another version is remarked on once`() {
        let server = CannedServer([
            "GET /v1/services": answer("Server: gr/9.9.9\r\n"),
            "GET /health": "HTTP/1.1 200 OK\r\nServer: gr/9.9.9\r\nContent-Length: 15\r\n\r\n"
                + #"{"status":"ok"}"#,
        ])
        defer { server.stop() }
        let run = CommandRun.gr(["status"], server: server)
        #expect(run.code == 0 && server.requests.count == 2)
        #expect(
            run.errors == "gr: the daemon has version 9.9.9, this gr \(Version.text); "
                + "start it anew: where it runs: gr daemon stop && gr daemon start\n")
        for words in [["status", "-q"], ["status", "--json"]] {
            #expect(CommandRun.gr(words, server: server).errors == "")
        }
    }

    @Test(arguments: ["Server: gr/\(Version.text)\r\n", "", "Server: nginx\r\n", "Server: gr\r\n"])
    func `nothing is said of the same version or none`(field: String) {
        let server = CannedServer(["GET /v1/services": answer(field)])
        defer { server.stop() }
        let run = CommandRun.gr(["ls"], server: server)
        #expect(run.code == 0 && run.errors == "")
    }
}
