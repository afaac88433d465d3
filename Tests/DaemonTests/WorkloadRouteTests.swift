// Workloads of a cluster over TLS, from registration to a wake, with a real daemon, the fake API
// server, and kubectl as the judge of both.

import TestSupport
import Testing

@Suite struct WorkloadRouteTests {
    private static let right = ClusterRouteTests.right

    private func register(
        _ cluster: FakeClusterProcess, _ daemon: DaemonProcess, _ kind: String = "certificate"
    ) throws -> String {
        let text = try #require(TextFile.read(cluster.kubeconfig(kind)))
        let made = try daemon.ask(
            "POST", "/k8s/clusters", ClusterRouteTests.body(kind, text), Self.right)
        #expect(made.status == 201, "\(made.text)")
        #expect(made.json["missing_rights"] == .array([]), "\(made.text)")
        return try #require(made.json["id"].text)
    }

    private func workload(_ daemon: DaemonProcess, _ name: String) throws -> JSONValue {
        try daemon.ask("GET", "/k8s/workloads?name=\(name)", nil, Self.right).json[0]
    }

    private func post(_ daemon: DaemonProcess, _ id: String, _ what: String) throws -> WireAnswer {
        try daemon.ask("POST", "/k8s/workloads/\(id)/\(what)", nil, Self.right)
    }

    @Test(arguments: ["certificate", "token"])
    func `Workloads are synced, put to sleep and woken, as kubectl sees it`(kind: String) throws {
        let cluster = try FakeClusterProcess()
        for name in ["web", "jobs"] { try cluster.tell("workload?name=\(name)&replicas=2") }
        try cluster.tell("workload?kind=statefulsets&name=db&replicas=1")
        let daemon = try ClusterRouteTests.daemon()
        let id = try register(cluster, daemon, kind)
        let synced = try daemon.ask("POST", "/k8s/clusters/\(id)/sync", nil, Self.right)
        #expect(synced.status == 200 && synced.json["synced"].integer == 3, "\(synced.text)")
        let web = try workload(daemon, "web")
        #expect(web["replicas"].integer == 2 && web["kind"].text == "Deployment")
        let webID = try #require(web["id"].text)

        let slept = try post(daemon, webID, "sleep")
        #expect(slept.status == 200 && slept.json["replicas"].integer == 0, "\(slept.text)")
        let seen = try cluster.kubectl(
            "get", "deployments", "web", "-o",
            "jsonpath={.spec.replicas} {.metadata.annotations.gretl\\.dev/desired-replicas}")
        #expect(seen.output == "0 2", "\(seen.errors)")
        #expect(try post(daemon, webID, "sleep").json["replicas"].integer == 0)
        #expect(try post(daemon, webID, "wake").json["replicas"].integer == 2)
        let woken = try cluster.kubectl(
            "get", "deployments", "web", "-o", "jsonpath={.spec.replicas} {.metadata.annotations}")
        #expect(woken.output.hasPrefix("2 ") && !woken.output.contains("gretl.dev/desired"))

        // What others do is seen by watching.
        let scaled = try cluster.kubectl("scale", "deployments/jobs", "--replicas=4")
        #expect(scaled.exit == 0, "\(scaled.errors)")
        #expect(try eventually { try workload(daemon, "jobs")["replicas"].integer == 4 })
        try cluster.tell("cut")
        try cluster.tell("remove?name=jobs")
        #expect(try eventually { try workload(daemon, "jobs")["id"].text == nil })
    }

    @Test func `Trouble of the API server is ridden out or named`() throws {
        let cluster = try FakeClusterProcess()
        try cluster.tell("workload?name=web&replicas=3")
        let daemon = try ClusterRouteTests.daemon()
        let id = try register(cluster, daemon)
        _ = try daemon.ask("POST", "/k8s/clusters/\(id)/sync", nil, Self.right)
        let webID = try #require(try workload(daemon, "web")["id"].text)
        try cluster.tell("fail?count=2&status=429&retryAfter=1")
        #expect(try post(daemon, webID, "sleep").json["replicas"].integer == 0)
        try cluster.tell("fail?count=1&status=500")
        let failed = try post(daemon, webID, "wake")
        #expect(failed.status == 502 && failed.code == "cluster_refused", "\(failed.text)")
        // Somebody comes in between the look and the patch, twice.
        try cluster.tell("rival?manager=hpa&replicas=0&times=2")
        #expect(try post(daemon, webID, "wake").json["replicas"].integer == 3)
        try cluster.tell("deny?right=patch%20deployments")
        let denied = try post(daemon, webID, "sleep")
        #expect(denied.status == 502 && denied.code == "cluster_refused", "\(denied.text)")
        #expect(denied.json["hint"].text?.contains("right") == true)
        #expect(try workload(daemon, "web")["replicas"].integer == 3)
    }

    @Test func `What a restart and a lost database leave is what was slept`() throws {
        let cluster = try FakeClusterProcess()
        try cluster.tell("workload?name=web&replicas=5")
        let daemon = try ClusterRouteTests.daemon()
        let id = try register(cluster, daemon)
        _ = try daemon.ask("POST", "/k8s/clusters/\(id)/sync", nil, Self.right)
        let webID = try #require(try workload(daemon, "web")["id"].text)
        let set = try daemon.ask(
            "PATCH", "/k8s/workloads/\(webID)/auto-sleep",
            "{\"auto_sleep_enabled\":true,\"idle_timeout_minutes\":45}", Self.right)
        #expect(set.status == 200, "\(set.text)")
        #expect(try post(daemon, webID, "sleep").status == 200)
        try daemon.restart()
        #expect(try workload(daemon, "web")["id"].text == webID)
        #expect(try workload(daemon, "web")["desired_replicas"].integer == 5)

        let other = try ClusterRouteTests.daemon()
        let second = try register(cluster, other)
        _ = try other.ask("POST", "/k8s/clusters/\(second)/sync", nil, Self.right)
        let found = try workload(other, "web")
        #expect(found["desired_replicas"].integer == 5)
        #expect(found["auto_sleep_enabled"] == .bool(true))
        #expect(found["idle_timeout_minutes"].integer == 45)
        let foundID = try #require(found["id"].text)
        #expect(try post(other, foundID, "wake").json["replicas"].integer == 5)
    }
}
