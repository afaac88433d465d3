// The hot path as a whole: bytes of GET /v1/resolve/NAME come in on a Unix socket, go through the
// reactor's turn, the connection, the parser, the gate, the routes and the table of 1,000 names,
// and the answers leave in one write. A Unix socket because it delivers within the call: how often
// the loop turns then never depends on the scheduler.

import Glibc
import Gretl
import NetCore

@ReactorActor
let resolveBenchmarks = [
    Benchmark(name: "resolve-1", iteration: "a request", cycle: 1_000) {
        try ResolveBench(depth: 1)
    },
    Benchmark(name: "resolve-16", iteration: "16 pipelined requests", cycle: 125) {
        try ResolveBench(depth: 16)
    },
    Benchmark(
        name: "resolve-16-unlike", iteration: "16 pipelined requests, no two heads alike",
        cycle: 125
    ) {
        try ResolveBench(depth: 16, isNumbered: true)
    },
]

private final class ResolveBench: Subject {
    private let reactor: Reactor
    private let daemon: StoragelessDaemon
    private let server: HTTPServer
    private let client: UnixClient
    /// One for each iteration of a cycle.
    private let requests: [[UInt8]]
    private var next = 0
    private let depth: Int

    private static let names = (0..<1_000).map { "service-\($0)" }

    /// Numbered requests have a header that differs in each: what came before helps with none.
    init(depth: Int, isNumbered: Bool = false) throws {
        self.depth = depth
        reactor = try Reactor(time: ManualClock())
        daemon = try StoragelessDaemon(
            Self.names.enumerated().map { index, name in
                var spec = ServiceSpec(name: name)
                // With a command it is ours, and its answer needs no look at the port.
                spec.command = "true"
                spec.port = 20_000 + index
                return spec
            }, on: reactor)
        server = HTTPServer(
            on: reactor, application: daemon.application,
            commonHeaders: Application.commonHeaders)
        client = try UnixClient(to: server)
        let count = depth == 1 ? 1_000 : 125
        requests = (0..<count).map { round in
            (0..<depth).flatMap { index in
                let number = round * depth + index
                return Self.request(
                    Self.names[number % Self.names.count],
                    isNumbered ? "X-Request: \(100_000 + number)\r\n" : "")
            }
        }
        // Takes the connection.
        reactor.turn(waitingAtMost: .zero)
        precondition(server.connectionCount == 1, "the connection was not accepted")
    }

    /// What a small client sends.
    private static func request(_ name: String, _ more: String) -> [UInt8] {
        let target = "GET /v1/resolve/\(name) HTTP/1.1\r\n"
        return Array("\(target)Host: localhost:11611\r\nAccept: */*\r\n\(more)\r\n".utf8)
    }

    func run(_ iterations: Int) -> UInt64 {
        var checksum: UInt64 = 0
        for _ in 0..<iterations {
            client.send(requests[next])
            next = next + 1 == requests.count ? 0 : next + 1
            reactor.turn(waitingAtMost: .zero)
            checksum = fold(checksum, client.receive(answers: depth))
        }
        return checksum
    }
}
