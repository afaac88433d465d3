// HTTPParser alone: heads of two sizes, a chunked body, a target and a Host value. The head is the
// largest part of a pipelined request that is ours to make faster.

import HTTPParser
import NetCore

@ReactorActor
let parserBenchmarks = [
    Benchmark(name: "parser-head-76", iteration: "a head of 76 bytes and 2 fields") {
        HeadBench(shortHead)
    },
    Benchmark(name: "parser-head-641", iteration: "a browser's head of 641 bytes, 13 fields") {
        HeadBench(browserHead)
    },
    Benchmark(name: "parser-chunked", iteration: "a chunked body, 8 chunks of 128 bytes") {
        ChunkedBench()
    },
    Benchmark(name: "parser-target", iteration: "a target with path and query") { TargetBench() },
    Benchmark(name: "parser-host", iteration: "a Host value with port") { HostBench() },
]

private let shortHead =
    "GET /v1/resolve/api HTTP/1.1\r\nHost: localhost:3916\r\nAccept: text/x-event\r\n\r\n"

private let browserHead =
    "GET /v1/services/frontend/metrics?window=60 HTTP/1.1\r\nHost: localhost:3916\r\n"
    + "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    + "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
    + "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    + "Referer: http://localhost:3916/dashboard/services/frontend\r\n"
    + "Cookie: theme=dark; sidebar=open; session=0123456789abcdef0123456789abcdef\r\n"
    + "Connection: keep-alive\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\n"
    + "Sec-Fetch-Site: same-origin\r\nIf-None-Match: \"5f3c-18e2a\"\r\n"
    + "X-Request-Id: 5e2b1c7a-93f4-4d60-8a1e-7c0f2d9b6e35/0001\r\n\r\n"

private final class HeadBench: Subject {
    private let bytes: [UInt8]
    private var head = RequestHead()

    init(_ text: String) { bytes = Array(text.utf8) }

    func run(_ iterations: Int) -> UInt64 {
        let bytes = bytes
        return Self.run(iterations, bytes.span, &head)
    }

    private static func run(
        _ iterations: Int, _ bytes: Span<UInt8>, _ head: inout RequestHead
    ) -> UInt64 {
        let limits = HeadLimits()
        var checksum: UInt64 = 0
        for _ in 0..<iterations {
            var scan = HeadScan()
            guard case .complete(let length) = head.parse(bytes, scan: &scan, limits: limits)
            else { preconditionFailure("the head is refused") }
            checksum = fold(checksum, length + head.fieldCount)
        }
        return checksum
    }
}

private final class ChunkedBench: Subject {
    private let bytes: [UInt8]

    init() {
        let chunk = "80\r\n" + String(repeating: "x", count: 128) + "\r\n"
        bytes = Array((String(repeating: chunk, count: 8) + "0\r\n\r\n").utf8)
    }

    func run(_ iterations: Int) -> UInt64 {
        let text = bytes
        let bytes = text.span
        var checksum: UInt64 = 0
        for _ in 0..<iterations { checksum = fold(checksum, Self.bodyCount(bytes)) }
        return checksum
    }

    private static func bodyCount(_ bytes: Span<UInt8>) -> Int {
        var decoder = ChunkedDecoder(bodyMost: 1 << 20)
        var at = 0
        var body = 0
        while true {
            switch decoder.next(bytes.extracting(at..<bytes.count)) {
            case .data(_, let count, let consumed):
                body += count
                at += consumed
            case .end: return body
            case .needMore, .invalid: preconditionFailure("the body is refused")
            }
        }
    }
}

private final class TargetBench: Subject {
    private let bytes = Array("/v1/services/frontend%20app/metrics?window=60&step=5".utf8)

    func run(_ iterations: Int) -> UInt64 {
        let text = bytes
        let bytes = text.span
        let range = ByteRange(from: 0, to: bytes.count)
        var checksum: UInt64 = 0
        for _ in 0..<iterations {
            guard
                case .success(let target) = RequestTarget.parse(bytes, target: range, method: .get)
            else { preconditionFailure("the target is refused") }
            checksum = fold(checksum, target.path.end + Int(target.query.count))
        }
        return checksum
    }
}

private final class HostBench: Subject {
    private let bytes = Array("frontend.localhost:3916".utf8)

    func run(_ iterations: Int) -> UInt64 {
        let text = bytes
        let bytes = text.span
        let range = ByteRange(from: 0, to: bytes.count)
        var checksum: UInt64 = 0
        for _ in 0..<iterations {
            guard let host = HostValue.parse(bytes, range), let port = host.port else {
                preconditionFailure("the host is refused")
            }
            checksum = fold(checksum, port + host.host.end)
        }
        return checksum
    }
}
