// The header names the server acts on, recognised while a head is parsed.
//
// KnownHeaderTable does the recognising, RequestHead and ResponseHead give values by these names.
// At most 31 of them: HeaderFields keeps them as the bits of a word.

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
}
