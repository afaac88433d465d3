// The token of the routes under /k8s: which one counts, that nothing goes around it, and that the
// file is made when, and only when, it is needed.

import Glibc
import TestSupport
import Testing

@Suite struct ClusterTokenTests {
    private func status(
        _ daemon: DaemonProcess, _ token: String?, _ target: String = "/k8s/clusters"
    ) throws -> Int {
        let fields = token.map { ["Authorization: Bearer \($0)"] } ?? []
        return try daemon.ask("GET", target, nil, fields).status
    }

    @Test func `Without any setting the token is made once, and only its owner can read it`() throws
    {
        let daemon = try DaemonProcess(environment: ["GR_TOKEN="])
        let token = (TextFile.read(daemon.file("token")) ?? "").replacing("\n", with: "")
        #expect(token.utf8.count == 64)
        #expect(TemporaryFolder.mode(daemon.file("token")) == 0o600)
        #expect(try status(daemon, token) == 200)
        for wrong in [nil, "", "x", String(token.dropLast()), token + "x", token.uppercased()] {
            #expect(try status(daemon, wrong) == 401, "\(wrong ?? "none")")
        }
        // The rest is open to its user as ever.
        #expect(try status(daemon, nil, "/v1/services") == 200)
        #expect(try status(daemon, "x", "/v1/services") == 200)
        try daemon.restart()
        #expect(try status(daemon, token) == 200)
        _ = unsafe unlink(daemon.file("token"))
        try daemon.restart()
        let other = (TextFile.read(daemon.file("token")) ?? "").replacing("\n", with: "")
        #expect(other != token)
        #expect(try status(daemon, other) == 200)
        #expect(try status(daemon, token) == 401)
    }

    @Test func `GR_TOKEN counts before the file, and auth.token alone when it is set`() throws {
        let given = "0123456789abcdef"
        let daemon = try DaemonProcess(environment: ["GR_TOKEN=\(given)"])
        #expect(TextFile.read(daemon.file("token")) == nil)
        #expect(try status(daemon, given) == 200)
        #expect(try status(daemon, nil) == 401)
        let own = try DaemonProcess(
            configuration: "[auth]\ntoken = \"fedcba9876543210\"\n",
            environment: ["GR_TOKEN=\(given)"])
        #expect(TextFile.read(own.file("token")) == nil)
        #expect(try status(own, "fedcba9876543210") == 200)
        #expect(try status(own, given) == 401)
        #expect(try status(own, nil, "/v1/services") == 401)
    }

    @Test(arguments: ["short", "with a blank", "tab\tinside", String(repeating: "x", count: 1_025)])
    func `A GR_TOKEN that cannot be sent refuses the start without being told`(
        _ value: String
    ) throws {
        do {
            _ = try DaemonProcess(environment: ["GR_TOKEN=\(value)"])
            Issue.record("it started")
        } catch DaemonProcessError.notListening(let code, let said) {
            #expect(code != nil && code != 0)
            #expect(said.contains("GR_TOKEN") && !said.contains(value), "\(said)")
        }
    }

    @Test func `No spelling of the path goes around the token`() throws {
        let daemon = try DaemonProcess()
        let targets = [
            "/k8s/clusters", "/k8s/clusters?a=b", "/k8s/clusters/x", "/k8s", "/k8s/",
            "/k8s/nothing", "http://localhost/k8s/clusters",
        ]
        for target in targets { #expect(try status(daemon, nil, target) == 401, "\(target)") }
        let others = [
            "/%6b8s/clusters", "/K8S/clusters", "//k8s/clusters", "/./k8s/clusters",
            "/v1/../k8s/clusters", "/k8s%2fclusters", "/k8sx", "/x/k8s/clusters",
        ]
        for target in others { #expect(try status(daemon, nil, target) == 404, "\(target)") }
        let answer = try daemon.ask("GET", "/k8s/clusters")
        #expect(answer.code == "unauthorized" && answer.value("WWW-Authenticate") == "Bearer")
        #expect(answer.hint.contains("GR_TOKEN") && answer.hint.contains("token"))
        let body = #"{"name":"a","in_cluster":true}"#
        #expect(try daemon.ask("POST", "/k8s/clusters", body).status == 401)
        #expect(try daemon.ask("DELETE", "/k8s/clusters/x").status == 401)
    }

    @Test func `A home folder that takes no token keeps the routes closed, and nothing else`()
        throws
    {
        let daemon = try DaemonProcess(environment: ["GR_TOKEN=0123456789"])
        _ = unsafe mkdir(daemon.file("token"), 0o700)
        try daemon.restart(environment: ["GR_TOKEN="])
        #expect(try status(daemon, nil) == 401)
        #expect(try status(daemon, nil, "/v1/services") == 200)
        #expect(daemon.standardError.contains("the routes of /k8s are closed"))
    }
}
