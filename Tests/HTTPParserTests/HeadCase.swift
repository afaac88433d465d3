// What the head tests share: parse bytes and get everything about the head as a value.
//
// Parsing goes through every scanner of this machine, and their answers must agree, so no test
// has to ask for that.

import Testing

@testable import HTTPParser

/// A parsed request, copied out so that tests can compare whole results.
struct ParsedRequest: Equatable {
    var outcome: HeadOutcome
    var method = HTTPMethod.other
    var methodText = ""
    var target = ""
    var version = HTTPVersion.http11
    var fields: [String] = []
    var known: [KnownHeader: String] = [:]
    var counts: [KnownHeader: Int] = [:]
    var framing = BodyFraming.none
    var keepAlive = false
    var expectation = ClientExpectation.none
    var wantsUpgrade = false
    var wantsWebSocket = false

    /// "ok", "more", or status and reason of the failure.
    var summary: String { outcome.summary }

    /// Copies everything out of a head that is complete.
    init(_ outcome: HeadOutcome, _ head: borrowing RequestHead, _ bytes: [UInt8]) {
        self.outcome = outcome
        guard case .complete = outcome else { return }
        method = head.method
        methodText = text(bytes, head.methodToken)
        target = text(bytes, head.target)
        version = head.version
        for i in 0..<head.fieldCount {
            let field = head.field(i)
            fields.append(text(bytes, field.name) + ":" + text(bytes, field.value))
        }
        for header in KnownHeader.allCases {
            known[header] = head.value(of: header).map { text(bytes, $0) }
            counts[header] = head.count(of: header)
        }
        framing = head.framing
        keepAlive = head.keepAlive
        expectation = head.expectation
        wantsUpgrade = head.wantsUpgrade
        wantsWebSocket = head.wantsWebSocket
    }
}

extension HeadOutcome {
    /// "ok", "more", or status and reason of the failure.
    var summary: String {
        switch self {
        case .complete: "ok"
        case .incomplete: "more"
        case .invalid(let failure): "\(failure.status) \(failure.reason)"
        }
    }
}

/// The bytes of a range as text.
func text(_ bytes: [UInt8], _ range: ByteRange) -> String {
    String(decoding: bytes[range.lower..<range.end], as: UTF8.self)
}

/// Parses a text as a whole.
func parseRequest(_ text: String, limits: HeadLimits = HeadLimits()) -> ParsedRequest {
    parseRequest(Array(text.utf8), limits: limits)
}

/// Parses bytes as a whole.
func parseRequest(_ bytes: [UInt8], limits: HeadLimits = HeadLimits()) -> ParsedRequest {
    let native = parseRequest(bytes, limits: limits, with: NativeScanner.self)
    let portable = parseRequest(bytes, limits: limits, with: WordScanner.self)
    #expect(native == portable, "the scanners disagree")
    return native
}

/// Parses bytes as a whole with one scanner.
func parseRequest<Scanner: ByteScanner>(
    _ bytes: [UInt8], limits: HeadLimits, with: Scanner.Type
) -> ParsedRequest {
    var head = RequestHead()
    var scan = HeadScan()
    let outcome = head.parse(bytes.span, scan: &scan, limits: limits, with: Scanner.self)
    return ParsedRequest(outcome, head, bytes)
}

/// Parses bytes as they would arrive, cut behind each offset of `cuts` (ascending). Stops at the
/// first answer other than `incomplete`, like the server.
func parseRequest(
    _ bytes: [UInt8], cuts: [Int], limits: HeadLimits = HeadLimits()
) -> ParsedRequest {
    var head = RequestHead()
    var scan = HeadScan()
    for cut in cuts where cut < bytes.count {
        let arrived = bytes.span.extracting(0..<cut)
        let outcome = head.parse(arrived, scan: &scan, limits: limits)
        if outcome != .incomplete { return ParsedRequest(outcome, head, bytes) }
    }
    let outcome = head.parse(bytes.span, scan: &scan, limits: limits)
    return ParsedRequest(outcome, head, bytes)
}
