// A service as the JSON object of GET /v1/services, with every field a registration can fill.

import Gretl
import NetCore

@ReactorActor
let jsonBenchmarks = [
    Benchmark(name: "json-service", iteration: "one service object") { try JSONBench() }
]

private final class JSONBench: Subject {
    private let daemon: StoragelessDaemon
    private let service: Service
    private var json = JSONText(capacity: 1_024)

    init() throws {
        var spec = ServiceSpec(name: "frontend")
        spec.port = 7_401
        spec.command = "npm run dev -- --port \"$PORT\""
        spec.directory = "/home/somebody/projects/frontend"
        spec.group = "@web"
        spec.ready = "http://localhost:7401/ready"
        spec.environment = ["PORT": "7401", "NODE_ENV": "development"]
        spec.dependsOn = ["api", "database"]
        daemon = try StoragelessDaemon([spec], on: Reactor(time: ManualClock()))
        service = try daemon.registry.get("frontend")
    }

    func run(_ iterations: Int) -> UInt64 {
        var checksum: UInt64 = 0
        for _ in 0..<iterations {
            json.removeAll()
            daemon.view.write(service, status: "stopped", into: &json)
            checksum = fold(checksum, json.bytes.count + Int(json.bytes[json.bytes.count / 2]))
        }
        return checksum
    }
}
