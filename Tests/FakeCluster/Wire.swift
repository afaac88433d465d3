// HTTP/1.1 of the fake API server over a TLS or a plain stream: one request at a time, answers with
// a length or in chunks. Strict enough for tests, since its clients are ours, kubectl and Python.

import Gretl
import NetCore

/// A request with its body.
struct WireRequest {
    var method: String
    /// Percent-decoded parts of the path, without empty ones.
    var path: [String]
    var rawPath: String
    var query: [(name: String, value: String)] = []
    /// Names in lower case.
    var headers: [String: String] = [:]
    var body: [UInt8] = []

    func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
    func isSet(_ name: String) -> Bool { ["1", "true"].contains(query(name) ?? "") }
}

/// Who answers requests.
@ReactorActor
protocol WireHandler: AnyObject {
    func handle(_ request: WireRequest, on wire: Wire)
}

/// One connection of a client.
@ReactorActor
final class Wire: ForwardStreamOwner {
    private let stream: any ForwardStream
    private let handler: any WireHandler
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var sent = 0
    private var isAnswering = false
    private var closesAfterAnswer = false
    private var closesWhenSent = false
    /// Nothing is read for the time being.
    var isPaused = false {
        didSet { if isOpen, isPaused != oldValue { want() } }
    }
    /// Told each time all that was to be sent is with the kernel.
    var drained: () -> Void = {}
    /// Takes what arrives instead of HTTP, after an upgrade.
    var upgraded: (([UInt8]) -> Void)?
    /// Called once, when the connection is over: for what runs on it, and for its keeper.
    var ended: () -> Void = {}
    var over: () -> Void = {}
    private(set) var isOpen = true
    /// The name and groups of the client's certificate; empty without one.
    let user: String
    let groups: [String]

    private static let inputMost = 8 << 20
    static let memory = WorkingMemory(capacity: 64 * 1_024)

    init(_ stream: any ForwardStream, _ handler: any WireHandler) {
        self.stream = stream
        self.handler = handler
        user = (stream as? TLSStream)?.subject("CN").first ?? ""
        groups = (stream as? TLSStream)?.subject("O") ?? []
        stream.owner = self
        stream.want(read: true, write: false)
    }

    var unsentBytes: Int { output.count - sent }

    // MARK: The stream

    func streamReady() {
        guard isOpen else { return }
        let hadOutput = unsentBytes > 0
        flush()
        if hadOutput, isOpen, unsentBytes == 0 { drained() }
        receive()
        if isOpen { want() }
    }

    private func want() { stream.want(read: !isPaused, write: sent < output.count) }

    private func receive() {
        // Bounded: one connection at most a megabyte a turn.
        for _ in 0..<16 where isOpen && !isPaused {
            var piece: [UInt8] = []
            let result = Wire.memory.change(0..<Wire.memory.capacity) { bytes in
                stream.read(into: &bytes, from: 0)
            }
            switch result {
            case .bytes(let count):
                piece = Wire.memory.look(0..<count) { bytes in bytes.indices.map { bytes[$0] } }
            case .later: return
            case .ended, .failed: return close()
            }
            // What follows an upgrade's request belongs to it; there is none of it before a 101.
            if let upgraded { upgraded(piece) } else { take(piece) }
        }
    }

    private func take(_ piece: [UInt8]) {
        input += piece
        if input.count > Wire.inputMost { return close() }
        serveNext()
    }

    private func serveNext() {
        // Each round takes a request off the input.
        while isOpen, !isAnswering, upgraded == nil, let request = nextRequest() {
            isAnswering = true
            closesAfterAnswer = request.headers["connection"]?.lowercased() == "close"
            handler.handle(request, on: self)
        }
    }

    func flush() {
        while isOpen, sent < output.count {
            let end = min(output.count, sent + 256 * 1_024)
            let bytes = output
            switch stream.write(bytes.span.extracting(sent..<end)) {
            case .taken(0): return
            case .taken(let count): sent += count
            case .failed: return close()
            }
        }
        output.removeAll(keepingCapacity: false)
        sent = 0
        if closesWhenSent { close() }
    }

    func closeWhenSent() {
        closesWhenSent = true
        flush()
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        stream.close()
        upgraded = nil
        drained = {}
        let told = (ended, over)
        (ended, over) = ({}, {})
        told.0()
        told.1()
    }

    // MARK: Answers

    func send(_ bytes: [UInt8]) {
        guard isOpen else { return }
        output += bytes
        flush()
        if isOpen { want() }
    }

    /// The whole answer.
    func answer(
        _ status: Int, _ body: [UInt8], type: String = "application/json",
        headers: [(String, String)] = []
    ) {
        var head = "HTTP/1.1 \(status) \(Response.reason(status))\r\nContent-Type: \(type)\r\n"
        head += "Content-Length: \(body.count)\r\nAudit-Id: 5eed0000\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        send(Array((head + "\r\n").utf8) + body)
        finish()
    }

    func answer(_ status: Int, _ body: JSON) { answer(status, body.bytes) }

    /// Begins an answer in chunks.
    func begin() {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n"
        send(Array(head.utf8))
    }

    func chunk(_ bytes: [UInt8]) {
        send(Array((String(bytes.count, radix: 16) + "\r\n").utf8) + bytes + [0x0D, 0x0A])
    }

    func endChunks() {
        send(Array("0\r\n\r\n".utf8))
        finish()
    }

    private func finish() {
        isAnswering = false
        if closesAfterAnswer { return close() }
        if !input.isEmpty { serveNext() }
    }

    // MARK: Parsing

    private func nextRequest() -> WireRequest? {
        guard let end = headEnd() else { return nil }
        let head = String(decoding: input[..<end], as: UTF8.self)
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count == 3 else {
            close()
            return nil
        }
        let (path, query) = WireText.target(String(words[1]))
        var request = WireRequest(
            method: String(words[0]), path: path.split(separator: "/").map(WireText.decode),
            rawPath: path, query: query)
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...]
            request.headers[line[..<colon].lowercased()] = WireText.trimmed(value)
        }
        let start = end + 4
        if request.headers["transfer-encoding"]?.lowercased() == "chunked" {
            guard let (body, next) = WireText.chunks(input, from: start) else { return nil }
            request.body = body
            input.removeFirst(next)
            return request
        }
        let length = Int(request.headers["content-length"] ?? "0") ?? 0
        guard length >= 0, input.count >= start + length else { return nil }
        request.body = Array(input[start..<start + length])
        input.removeFirst(start + length)
        return request
    }

    private func headEnd() -> Int? {
        guard input.count >= 4 else { return nil }
        for index in 0...(input.count - 4)
        where input[index] == 0x0D && input[index + 1] == 0x0A && input[index + 2] == 0x0D
            && input[index + 3] == 0x0A
        {
            return index
        }
        return nil
    }
}

/// Texts of HTTP.
enum WireText {
    static func target(_ target: String) -> (path: String, query: [(name: String, value: String)]) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return (target, []) }
        let items = parts[1].split(separator: "&").map { item in
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: decode(pair[0]), value: pair.count == 2 ? decode(pair[1]) : "")
        }
        return (String(parts[0]), items)
    }

    static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func trimmed(_ text: Substring) -> String {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }

    /// The body of a chunked message and where the next one begins; nil: more is to come.
    static func chunks(_ input: [UInt8], from start: Int) -> (body: [UInt8], next: Int)? {
        var body: [UInt8] = []
        var place = start
        // Ends: each round goes on in the input, or leaves.
        while let lineEnd = input[place...].firstIndex(of: 0x0A) {
            let line = String(decoding: input[place..<lineEnd], as: UTF8.self)
            let digits = line.prefix { $0.isHexDigit }
            guard let count = Int(digits, radix: 16), count >= 0 else { return nil }
            let end = lineEnd + 1 + count
            guard input.count >= end + 2 else { return nil }
            body += input[(lineEnd + 1)..<end]
            place = end + 2
            if count == 0 { return (body, place) }
        }
        return nil
    }
}
