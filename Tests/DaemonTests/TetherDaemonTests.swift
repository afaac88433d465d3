// Tethers through an API server, end to end: a real daemon, the fake API server over TLS with its
// port-forward, a real server behind the pods, and curl in front.

import Glibc
import TestSupport
import Testing

@Suite struct TetherDaemonTests {
    private static let right = ClusterRouteTests.right

    /// A daemon with a cluster, a workload `web`, and a tether to it that is active.
    private final class World {
        let cluster: FakeClusterProcess
        let backend: ForwardBackend
        let daemon: DaemonProcess
        let tether: String
        private(set) var url: String
        let workload: String

        init(_ kind: String = "certificate", replicas: Int = 2) throws {
            cluster = try FakeClusterProcess()
            backend = try ForwardBackend()
            daemon = try ClusterRouteTests.daemon()
            try cluster.tell("pods?delay=5&ready=20")
            try cluster.tell("port?pod=8080&to=\(backend.port)")
            try cluster.tell("workload?name=web&replicas=\(replicas)")
            let text = try #require(TextFile.read(cluster.kubeconfig(kind)))
            let made = try daemon.ask(
                "POST", "/k8s/clusters", ClusterRouteTests.body("c", text), right)
            let id = try #require(made.json["id"].text)
            _ = try daemon.ask("POST", "/k8s/clusters/\(id)/sync", nil, right)
            let found = try daemon.ask("GET", "/k8s/workloads?name=web", nil, right)
            workload = try #require(found.json[0]["id"].text)
            let record = try daemon.ask(
                "POST", "/k8s/workloads/\(workload)/tether",
                #"{"container_port":8080,"label":"HTTP"}"#, right)
            tether = try #require(record.json["tether_id"].text)
            url = try #require(record.json["tunnel_url"].text)
            try activate()
        }

        func activate() throws {
            let answer = try daemon.ask("POST", "/k8s/tethers/\(tether)/activate", nil, right)
            #expect(answer.status == 200, "\(answer.text)")
            url = try #require(answer.json["tunnel_url"].text)
        }

        func post(_ what: String) throws -> WireAnswer {
            try daemon.ask("POST", what, nil, right)
        }

        var facts: JSONValue {
            get throws { try daemon.ask("GET", "/k8s/tethers/\(tether)", nil, right).json }
        }

        /// What `GET /` through the tether came to.
        func get(seconds: Int = 20) throws -> ProgramResult {
            try Program.run(["curl", "-sS", "-m", "\(seconds)", url + "/"], seconds: seconds + 5)
        }
    }

    @Test(arguments: ["certificate", "token"])
    func `Megabytes pass both ways as they were, on several connections`(kind: String) throws {
        let world = try World(kind)
        let folder = world.backend.folder
        // Each sends 6 MB of its own and gets them back.
        let said = try Program.run(
            [
                "sh", "-c",
                """
                set -e
                for i in 1 2 3 4; do
                    head -c 6000000 /dev/urandom > sent.$i
                    curl -sS -m 60 -H Expect: --data-binary @sent.$i -o got.$i \(world.url)/ &
                done
                wait
                for i in 1 2 3 4; do cmp sent.$i got.$i; done
                """,
            ], directory: folder.path, seconds: 90)
        #expect(said.exit == 0, "\(said.errors)")
        #expect(try world.get().output == "hello\n")
        let isCounted = try eventually {
            let facts = try world.facts
            return facts["total_connections"].integer == 5
                && facts["open_connections"].integer == 0
        }
        let facts = try world.facts
        #expect(isCounted, "\(facts)")
        #expect(facts["failed_connections"].integer == 0)
        #expect((facts["bytes_to_pods"].integer ?? 0) > 24_000_000)
        #expect((facts["bytes_from_pods"].integer ?? 0) > 24_000_000)
    }

    @Test func `The first connection wakes what sleeps, and loses nothing`() throws {
        let world = try World()
        #expect(try world.post("/k8s/workloads/\(world.workload)/sleep").status == 200)
        #expect(try world.get().output == "hello\n")
        let facts = try world.facts
        #expect(facts["wakes"].integer == 1, "\(facts)")
        let seen = try world.cluster.kubectl(
            "get", "deployments", "web", "-o", "jsonpath={.spec.replicas}")
        #expect(seen.output == "2", "\(seen.errors)")
    }

    @Test func `A pod that ends takes its own connections along and nothing else`() throws {
        let world = try World(replicas: 1)
        // Held open: the server waits for the rest of the body.
        let held = try Outsider(
            [
                "sh", "-c",
                """
                (printf 'POST / HTTP/1.1\\r\\nContent-Length: 9\\r\\n\\r\\n'; sleep 30) |
                    curl -sS telnet://127.0.0.1:\(world.url.split(separator: ":")[2])
                """,
            ])
        defer { withExtendedLifetime(held) {} }
        #expect(
            try eventually(within: 10_000) {
                try world.facts["connections"][0]["state"].text == "open"
            })
        let pod = try #require(try world.facts["connections"][0]["pod"].text)
        let gone = try world.cluster.kubectl("delete", "pod", pod, "--wait=false")
        #expect(gone.exit == 0, "\(gone.errors)")
        #expect(
            try eventually(within: 10_000) { try world.facts["open_connections"].integer == 0 })
        // Its successor takes the next one.
        #expect(try world.get().output == "hello\n")
    }

    @Test func `What a pod refuses is a connection that fails, with the reason`() throws {
        let world = try World()
        let before = try world.facts["failed_connections"].integer ?? 0
        try world.cluster.tell("port?pod=8080&to=1")
        #expect(try world.get().exit != 0)
        #expect(
            try eventually {
                try world.facts["last_error"]["message"].text?.contains("refused") == true
            })
        try world.cluster.tell("port?pod=8080&to=\(world.backend.port)")
        #expect(try world.get().output == "hello\n")
        let facts = try world.facts
        // Another test's client may have knocked as well, where its daemon had this port before.
        #expect(facts["failed_connections"].integer ?? 0 > before, "\(facts)")
    }

    @Test func `A tether works at once after a kill right behind its making`() throws {
        // What only a list has told of is stored a moment later than it was shown.
        for _ in 0..<3 {
            let world = try World()
            world.daemon.kill()
            try world.daemon.restart()
            let said = try world.get()
            let facts = try world.facts
            #expect(said.output == "hello\n", "\(said.errors) \(facts)")
        }
    }

    @Test func `A tether is there again after a kill, and its port comes back`()
        throws
    {
        let world = try World()
        #expect(try world.get().output == "hello\n")
        world.daemon.kill()
        try world.daemon.restart()
        #expect(try eventually(within: 10_000) { try world.get(seconds: 5).output == "hello\n" })
        let closed = try world.post("/k8s/tethers/\(world.tether)/deactivate")
        #expect(closed.status == 200, "\(closed.text)")
        #expect(try world.get(seconds: 5).exit == 7)
        try world.activate()
        #expect(try world.get().output == "hello\n")
    }
}
