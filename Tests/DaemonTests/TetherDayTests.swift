// Bad days of tethers, end to end: a real daemon, the fake API server over TLS with its
// port-forward, an echo behind the pods, clients that come, send and break, workloads that sleep
// and wake, an API server that fails, loses answers and cuts what it can, a daemon that is killed.
// Whatever happens, no byte is lost or doubled while a connection stands, no count of replicas is
// lost, and every port comes back. The seed of a failing day is in the message.

import Glibc
import TestSupport
import Testing

@Suite struct TetherDayTests {
    /// Days; by hand GR_FULL=1 for many.
    private static let seeds = Array(0..<(Thoroughness.isFull ? 100 : 4))

    @Test(arguments: seeds)
    func `Nothing is lost on a bad day of tethers`(seed: Int) throws {
        let day = try TetherDay(seed: UInt64(seed))
        for _ in 0..<40 { try day.step() }
        try day.finish()
        #expect(day.problems.isEmpty, "seed \(seed): \(day.problems)")
    }
}

private enum Thoroughness {
    static let isFull = unsafe getenv("GR_FULL").map { unsafe String(cString: $0) } == "1"
}

/// One day.
private final class TetherDay {
    private struct Tethered {
        let name: String
        let replicas: Int
        let workload: String
        let tether: String
        let port: UInt16
    }

    private static let right = ClusterRouteTests.right
    private let cluster: FakeClusterProcess
    private let backend: EchoBackend
    private let daemon: DaemonProcess
    private var random: SeededGenerator
    private var tethers: [Tethered] = []
    private var clients: [EchoPeer] = []
    private(set) var problems: [String] = []

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed &* 104_729 &+ 7)
        cluster = try FakeClusterProcess()
        backend = try EchoBackend()
        daemon = try ClusterRouteTests.daemon()
        try cluster.tell("pods?delay=5&ready=20")
        try cluster.tell("port?pod=8080&to=\(backend.port)")
        let text = try #require(TextFile.read(cluster.kubeconfig()))
        let made = try daemon.ask(
            "POST", "/k8s/clusters", ClusterRouteTests.body("c", text), Self.right)
        let id = try #require(made.json["id"].text)
        for name in ["api", "jobs"] {
            let replicas = random.number(in: 1...3)
            try cluster.tell("workload?name=\(name)&replicas=\(replicas)")
            #expect(try post("/k8s/clusters/\(id)/sync").status == 200)
            let found = try daemon.ask("GET", "/k8s/workloads?name=\(name)", nil, Self.right)
            let workload = try #require(found.json[0]["id"].text)
            let tether = try daemon.ask(
                "POST", "/k8s/workloads/\(workload)/tether", #"{"container_port":8080}"#,
                Self.right)
            let tetherID = try #require(tether.json["tether_id"].text)
            let opened = try post("/k8s/tethers/\(tetherID)/activate")
            let port = try #require(opened.json["local_port"].integer)
            tethers.append(
                Tethered(
                    name: name, replicas: replicas, workload: workload, tether: tetherID,
                    port: UInt16(port)))
        }
    }

    private func post(_ target: String) throws -> WireAnswer {
        try daemon.ask("POST", target, nil, Self.right)
    }

    // MARK: Steps

    func step() throws {
        switch random.number(in: 0...15) {
        case 0...2:
            if clients.count < 24 { clients.append(EchoPeer(port: random.pick(tethers).port)) }
        case 3...6:
            guard let client = clients.filter(\.isOpen).randomElement(using: &random) else { break }
            client.send(random.oneIn(6) ? 300_000 : random.number(in: 1...20_000), &random)
        case 7:
            clients.randomElement(using: &random)?.close(isReset: random.oneIn(2))
        case 8, 9:
            let word = random.oneIn(2) ? "sleep" : "wake"
            let answer = try post("/k8s/workloads/\(random.pick(tethers).workload)/\(word)")
            // What the API server was told to fail with shows; nothing else may.
            if ![200, 409, 502, 503].contains(answer.status) {
                problems.append("\(word): \(answer.text)")
            }
        case 10:
            let status = random.pick([409, 410, 429, 500, 503])
            let method = random.pick(["", "GET", "PATCH"])
            try cluster.tell(
                "fail?count=\(random.number(in: 1...6))&status=\(status)&method=\(method)"
                    + (random.oneIn(2) ? "&retryAfter=1" : ""))
        case 11:
            try cluster.tell(
                random.pick([
                    "cut", "cut-watches", "compact", "expire-watches", "cut-forwards",
                    "lose?count=2", "events?duplicate=1&split=1", "latency?ms=40",
                ]))
        case 12:
            // A pod that dies takes its connections along.
            let pods = try cluster.kubectl("get", "pods", "-o", "name").output
            guard let pod = pods.split(separator: "\n").randomElement(using: &random) else { break }
            _ = try cluster.kubectl("delete", String(pod), "--wait=false")
        case 13 where random.oneIn(3): try restart()
        default: break
        }
        for _ in 0..<random.number(in: 1...20) { pump() }
    }

    private func restart() throws {
        daemon.kill()
        try daemon.restart()
        for client in clients { client.close(isReset: false) }
    }

    /// Moves what can be moved, and looks at it.
    private func pump() {
        usleep(2_000)
        for client in clients where client.isOpen {
            client.pump()
            guard client.isPrefix else {
                problems.append("bytes were lost or doubled on port \(client.port)")
                client.close(isReset: true)
                continue
            }
        }
        clients.removeAll { !$0.isOpen }
    }

    // MARK: The end

    func finish() throws {
        for word in ["fail?count=0", "lose?count=0", "latency?ms=0", "events?duplicate=0"] {
            try cluster.tell(word)
        }
        for tethered in tethers { try settle(tethered) }
        for client in clients { client.close(isReset: false) }
        for tethered in tethers {
            #expect(try post("/k8s/tethers/\(tethered.tether)/deactivate").status == 200)
            if EchoPeer(port: tethered.port).isConnected(within: 500) {
                problems.append("port \(tethered.port) is not given back")
            }
            let again = try post("/k8s/tethers/\(tethered.tether)/activate")
            if again.json["local_port"].integer != Int(tethered.port) {
                problems.append("port \(tethered.port) does not come back: \(again.text)")
            }
        }
    }

    /// A new connection works, wakes what sleeps, and brings back what it had.
    private func settle(_ tethered: Tethered) throws {
        let isWhole = eventually(within: 40_000) {
            let client = EchoPeer(port: tethered.port)
            defer { client.close(isReset: false) }
            client.send(100_000, &random)
            return eventually(within: 8_000) {
                client.pump()
                return client.isWhole || !client.isOpen
            } && client.isWhole
        }
        let facts = try daemon.ask("GET", "/k8s/tethers/\(tethered.tether)", nil, Self.right)
        if !isWhole { problems.append("\(tethered.name) does not work: \(facts.text)") }
        var seen = ""
        let isRight = try eventually(within: 20_000) {
            _ = try post("/k8s/workloads/\(tethered.workload)/wake")
            seen = try cluster.kubectl(
                "get", "deployments", tethered.name, "-o", "jsonpath={.spec.replicas}"
            ).output
            return seen == "\(tethered.replicas)"
        }
        if !isRight { problems.append("\(tethered.name) had \(tethered.replicas), has \(seen)") }
    }
}
