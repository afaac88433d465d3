// The look-up of a route: the four kinds of path the daemon is asked most, in one iteration.

import HTTPParser
import NetCore

@ReactorActor
let routerBenchmarks = [
    Benchmark(name: "router", iteration: "4 paths looked up, one of them unknown") {
        RouterBench()
    }
]

private final class RouterBench: Subject {
    private let router: Router
    private let paths = [
        "/v1/resolve/frontend", "/v1/services/frontend/start", "/health", "/v1/service/frontend",
    ].map { Array($0.utf8) }

    init() {
        let patterns = [
            "/health", "/v1/daemon/stats", "/v1/services", "/v1/services/{name}",
            "/v1/services/{name}/start", "/v1/services/{name}/stop", "/v1/resolve/{name}",
        ]
        router = Router(patterns.enumerated().map { (.get, $0.element, $0.offset) })
    }

    func run(_ iterations: Int) -> UInt64 {
        var checksum: UInt64 = 0
        var parameters = RouteParameters(repeating: ByteRange())
        for _ in 0..<iterations {
            for path in paths {
                let outcome = router.match(
                    .get, path.span, path: ByteRange(from: 0, to: path.count),
                    parameters: &parameters)
                if case .found(let route) = outcome {
                    checksum = fold(checksum, route + parameters[0].end)
                } else {
                    checksum = fold(checksum, -1)
                }
            }
        }
        return checksum
    }
}
