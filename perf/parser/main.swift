// Times HTTPParser against picohttpparser and a line-end search, interleaved in one process.
//
// Built and run by perf/parser/run, which fetches picohttpparser. Prints nanoseconds per request
// as median (min..max), the ratio of each round to picohttpparser in the same round, and the
// allocations of our parser. Both parsers must see the same number of headers.

import HTTPParser

/// 76 bytes, 2 headers: a short client.
let tiny = "GET /v1/resolve/api HTTP/1.1\r\nHost: localhost:3916\r\nAccept: text/event\r\n\r\n"

/// 660 bytes, 13 headers: a browser's fetch.
let browser =
    "GET /v1/services/frontend/metrics?window=60 HTTP/1.1\r\nHost: localhost:3916\r\n"
    + "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    + "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
    + "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    + "Referer: http://localhost:3916/dashboard/services/frontend\r\n"
    + "Cookie: theme=dark; sidebar=open; session=0123456789abcdef0123456789abcdef\r\n"
    + "Connection: keep-alive\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\n"
    + "Sec-Fetch-Site: same-origin\r\nIf-None-Match: \"5f3c-18e2a\"\r\n"
    + "X-Request-Id: 5e2b1c7a-93f4-4d60-8a1e-7c0f2d9b6e35/0001\r\n\r\n"

/// Many requests of different shapes, so that no branch predictor can learn them.
func mixed() -> String {
    let lines = browser.split(separator: "\r\n").map(String.init)
    var seed: UInt64 = 42
    func draw(_ below: Int) -> Int {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(seed >> 33) % below
    }
    var text = ""
    for _ in 0..<400 {
        let path = String(repeating: "x", count: draw(60))
        text += "GET /\(path) HTTP/1.1\r\nHost: a.localhost\r\n"
        for line in lines.dropFirst(2) where draw(2) == 0 {
            text += line + String(repeating: "y", count: draw(24)) + "\r\n"
        }
        text += "\r\n"
    }
    return text
}

/// The number of headers our parser sees in a buffer of requests, -1 on a refusal.
@inline(never)
func parseAll(_ bytes: Span<UInt8>, _ head: inout RequestHead, _ limits: HeadLimits) -> Int64 {
    var at = 0
    var seen: Int64 = 0
    while at < bytes.count {
        var scan = HeadScan()
        guard
            case .complete(let length) = head.parse(
                bytes.extracting(at..<bytes.count), scan: &scan, limits: limits)
        else { return -1 }
        seen &+= Int64(head.fieldCount)
        at &+= length
    }
    return seen
}

struct Figures {
    var values: [Double] = []
    func formatted(_ digits: Int) -> String {
        let sorted = values.sorted()
        func short(_ value: Double) -> String {
            let scale = digits == 2 ? 100.0 : 10.0
            return String(Double(Int(value * scale + 0.5)) / scale)
        }
        let (low, high) = (short(sorted[0]), short(sorted[sorted.count - 1]))
        return "\(short(sorted[sorted.count / 2])) (\(low)..\(high))"
    }
}

/// Nanoseconds of one call of `work`, over `repeats` calls.
func time(_ repeats: Int, _ work: () -> Void) -> Double {
    let start = yardstick_now()
    for _ in 0..<repeats { work() }
    return Double(yardstick_now() - start) / Double(repeats)
}

func measure(_ name: String, _ text: String, requests: Int, rounds: Int) {
    let bytes = Array(text.utf8)
    var head = RequestHead()
    let limits = HeadLimits()
    let repeats = max(1, 6_000_000 / bytes.count)
    var ours = Figures()
    var pico = Figures()
    var lines = Figures()
    var ratio = Figures()
    var allocations: Int64 = 0
    var checksum: Int64 = 0
    let expected = unsafe bytes.withUnsafeBufferPointer {
        unsafe yardstick_pico($0.baseAddress, $0.count)
    }
    for round in 0...rounds {
        let before = yardstick_allocations()
        let a = time(repeats) { checksum &+= parseAll(bytes.span, &head, limits) }
        allocations = yardstick_allocations() - before
        let b = unsafe bytes.withUnsafeBufferPointer { buffer in
            time(repeats) {
                unsafe checksum &-= yardstick_pico(buffer.baseAddress, buffer.count)
            }
        }
        var found: Int64 = 0
        let c = unsafe bytes.withUnsafeBufferPointer { buffer in
            time(repeats) {
                unsafe found &+= yardstick_lines(buffer.baseAddress, buffer.count)
            }
        }
        precondition(found > 0 && checksum == 0 && expected > 0, "the parsers disagree")
        if round == 0 { continue }
        ours.values.append(a / Double(requests))
        pico.values.append(b / Double(requests))
        lines.values.append(c / Double(requests))
        ratio.values.append(a / b)
    }
    print(
        "\(name) (\(bytes.count) bytes, \(requests) requests, \(expected) headers)\n"
            + "  gretl           \(ours.formatted(1)) ns a request\n"
            + "  picohttpparser  \(pico.formatted(1))\n"
            + "  memchr per line \(lines.formatted(1))\n"
            + "  ratio to pico   \(ratio.formatted(2))\n"
            + "  allocations     \(allocations) in \(repeats * requests) requests")
}

let arguments = CommandLine.arguments.dropFirst()
let rounds = arguments.first.flatMap { Int($0) } ?? 15
let only = arguments.dropFirst().first
let inputs = [("tiny", tiny, 1), ("browser", browser, 1), ("mixed", mixed(), 400)]
for (name, text, requests) in inputs where only == nil || only == name {
    measure(name, text, requests: requests, rounds: rounds)
}
