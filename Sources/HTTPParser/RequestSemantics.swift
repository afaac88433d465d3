// What a request head means for the connection: framing, persistence, expectation, upgrade, Host.
//
// RequestHead.parse calls this once a head is complete and its syntax is right; the first broken
// rule refuses the request. It looks at known headers only and must not search per header line,
// save for Connection, which may stand in several lines.

extension RequestHead {
    /// The headers any of which makes the slow decisions necessary.
    private static var decisive: UInt32 {
        KnownHeader.contentLength.bit | KnownHeader.transferEncoding.bit
            | KnownHeader.connection.bit | KnownHeader.expect.bit | KnownHeader.upgrade.bit
    }

    /// Decides everything; `length` is that of the head.
    @inline(__always)
    mutating func decide<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, length: Int, with: Scanner.Type
    ) -> ParseFailure? {
        framing = .none
        expectation = .none
        keepAlive = version == .http11
        wantsUpgrade = false
        wantsWebSocket = false
        if let failure = hostFailure(bytes, length, with: Scanner.self) { return failure }
        guard fields.present & Self.decisive != 0 else { return nil }
        return decideRest(bytes)
    }

    @inline(__always)
    private func hostFailure<Scanner: ByteScanner>(
        _ bytes: Span<UInt8>, _ length: Int, with: Scanner.Type
    ) -> ParseFailure? {
        guard let host = fields.value(of: .host) else {
            return version == .http11 ? ParseFailure(.hostMissing, at: 0) : nil
        }
        if fields.repeated & KnownHeader.host.bit != 0 {
            return ParseFailure(.hostRepeated, at: host.lower)
        }
        guard HostValue.isValid(bytes, host, limit: length, with: Scanner.self) else {
            return ParseFailure(.hostMalformed, at: host.lower)
        }
        return nil
    }

    @inline(never)
    private mutating func decideRest(_ bytes: Span<UInt8>) -> ParseFailure? {
        switch fields.framing(bytes, version: version) {
        case .failure(let failure): return failure
        case .success(let framing): self.framing = framing
        case nil: break
        }
        let options = fields.present & KnownHeader.connection.bit != 0 ? options(bytes) : []
        if options.contains(.close) {
            keepAlive = false
        } else if version == .http10 {
            keepAlive = options.contains(.keepAlive)
        }
        guard version == .http11 else { return nil }
        if let expect = fields.value(of: .expect) {
            let isContinue =
                !isRepeated(.expect) && ASCII.equalIgnoringCase(bytes, expect, "100-continue")
            expectation = isContinue ? .continue : .unknown
        }
        if options.contains(.upgrade), let upgrade = fields.value(of: .upgrade) {
            wantsUpgrade = true
            var protocols = ListElements(upgrade)
            while let name = protocols.next(bytes) {
                if ASCII.equalIgnoringCase(bytes, name, "websocket") { wantsWebSocket = true }
            }
        }
        return nil
    }

    private func options(_ bytes: Span<UInt8>) -> ConnectionOptions {
        fields.connectionOptions(bytes)
    }
}

/// The members of Connection that are acted on.
struct ConnectionOptions: OptionSet {
    let rawValue: UInt8
    static var close: ConnectionOptions { ConnectionOptions(rawValue: 1) }
    static var keepAlive: ConnectionOptions { ConnectionOptions(rawValue: 2) }
    static var upgrade: ConnectionOptions { ConnectionOptions(rawValue: 4) }
}

extension HeaderFields {
    /// All Connection lines together (RFC 9110 section 7.6.1).
    func connectionOptions(_ bytes: Span<UInt8>) -> ConnectionOptions {
        guard let value = value(of: .connection) else { return [] }
        guard repeated & KnownHeader.connection.bit != 0 else { return Self.options(bytes, value) }
        var options: ConnectionOptions = []
        for i in 0..<count where isLine(i, .connection) {
            options.formUnion(Self.options(bytes, self.value(i)))
        }
        return options
    }

    /// Setting the case bit makes no other byte of a field value equal to a letter or "-".
    @inline(__always)
    private static func isKeepAlive(_ bytes: Span<UInt8>, _ start: Int) -> Bool {
        let text: StaticString = "keep-alive"
        let fold: UInt64 = 0x2020_2020_2020_2020
        return bytes.word(at: start) | fold == text.word(at: 0)
            && bytes.word(at: start &+ 2) | fold == text.word(at: 2)
    }

    private static func options(_ bytes: Span<UInt8>, _ value: ByteRange) -> ConnectionOptions {
        // Browsers send this on every request: compared as two words, it needs no list.
        if value.count == 10, isKeepAlive(bytes, value.lower) { return .keepAlive }
        var options: ConnectionOptions = []
        var list = ListElements(value)
        while let option = list.next(bytes) {
            if ASCII.equalIgnoringCase(bytes, option, "close") { options.insert(.close) }
            if ASCII.equalIgnoringCase(bytes, option, "keep-alive") { options.insert(.keepAlive) }
            if ASCII.equalIgnoringCase(bytes, option, "upgrade") { options.insert(.upgrade) }
        }
        return options
    }
}
