// The header names the server acts on, recognised while a head is parsed.
//
// HeaderFields asks once per line. A name is compared in words of eight bytes, lower-cased by
// setting one bit: among token characters that is exact for names of letters, digits and "-".

/// A header whose value can be had without a search.
package enum KnownHeader: UInt8, Sendable, CaseIterable {
    case host, contentLength, transferEncoding, connection, expect, upgrade
    case contentType, origin, secFetchSite, secFetchMode, secFetchDest, authorization
    case lastEventID, accept, acRequestMethod, acRequestHeaders
    case secWebSocketKey, secWebSocketVersion, secWebSocketProtocol
    case xGretl, cookie, ifMatch, ifNoneMatch, location, referer, userAgent, retryAfter

    /// The name in lower case.
    @inline(__always)
    package var name: StaticString {
        switch self {
        case .host: "host"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .connection: "connection"
        case .expect: "expect"
        case .upgrade: "upgrade"
        case .contentType: "content-type"
        case .origin: "origin"
        case .secFetchSite: "sec-fetch-site"
        case .secFetchMode: "sec-fetch-mode"
        case .secFetchDest: "sec-fetch-dest"
        case .authorization: "authorization"
        case .lastEventID: "last-event-id"
        case .accept: "accept"
        case .acRequestMethod: "access-control-request-method"
        case .acRequestHeaders: "access-control-request-headers"
        case .secWebSocketKey: "sec-websocket-key"
        case .secWebSocketVersion: "sec-websocket-version"
        case .secWebSocketProtocol: "sec-websocket-protocol"
        case .xGretl: "x-gretl"
        case .cookie: "cookie"
        case .ifMatch: "if-match"
        case .ifNoneMatch: "if-none-match"
        case .location: "location"
        case .referer: "referer"
        case .userAgent: "user-agent"
        case .retryAfter: "retry-after"
        }
    }

    /// The header's bit in a set of known headers.
    @inline(__always)
    var bit: UInt32 { 1 &<< UInt32(rawValue) }

    /// Recognises the token `bytes[start ..< start + count]`.
    @inline(__always)
    static func recognise(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> KnownHeader? {
        // A name of four or more bytes in a complete head has eight bytes from its start.
        guard count >= 4, start &+ 8 <= bytes.count else { return nil }
        let first = bytes.word(at: start) | 0x2020_2020_2020_2020
        func has(_ header: KnownHeader) -> Bool {
            matches(bytes, start, first, header.name)
        }
        switch count {
        case 4: return has(.host) ? .host : nil
        case 6:
            if has(.accept) { return .accept }
            if has(.origin) { return .origin }
            if has(.cookie) { return .cookie }
            return has(.expect) ? .expect : nil
        case 7:
            if has(.upgrade) { return .upgrade }
            if has(.referer) { return .referer }
            return has(.xGretl) ? .xGretl : nil
        case 8:
            if has(.ifMatch) { return .ifMatch }
            return has(.location) ? .location : nil
        case 10:
            if has(.connection) { return .connection }
            return has(.userAgent) ? .userAgent : nil
        case 11: return has(.retryAfter) ? .retryAfter : nil
        case 12: return has(.contentType) ? .contentType : nil
        case 13:
            if has(.authorization) { return .authorization }
            if has(.lastEventID) { return .lastEventID }
            return has(.ifNoneMatch) ? .ifNoneMatch : nil
        case 14:
            if has(.contentLength) { return .contentLength }
            if has(.secFetchSite) { return .secFetchSite }
            if has(.secFetchMode) { return .secFetchMode }
            return has(.secFetchDest) ? .secFetchDest : nil
        case 17:
            if has(.transferEncoding) { return .transferEncoding }
            return has(.secWebSocketKey) ? .secWebSocketKey : nil
        case 21: return has(.secWebSocketVersion) ? .secWebSocketVersion : nil
        case 22: return has(.secWebSocketProtocol) ? .secWebSocketProtocol : nil
        case 29: return has(.acRequestMethod) ? .acRequestMethod : nil
        case 30: return has(.acRequestHeaders) ? .acRequestHeaders : nil
        default: return nil
        }
    }

    /// Compares with `name`, whose length the caller has checked. `first` is the folded first
    /// word at `start`.
    @inline(__always)
    private static func matches(
        _ bytes: Span<UInt8>, _ start: Int, _ first: UInt64, _ name: StaticString
    ) -> Bool {
        let count = name.utf8CodeUnitCount
        if count < 8 {
            let ones = (UInt64(1) &<< UInt64(8 &* count)) &- 1
            return first & ones == name.word(at: 0)
        }
        guard first == name.word(at: 0) else { return false }
        var at = 8
        while at < count {
            let from = min(at, count &- 8)
            let word = bytes.word(at: start &+ from) | 0x2020_2020_2020_2020
            if word != name.word(at: from) { return false }
            at &+= 8
        }
        return true
    }
}
