// Request methods and protocol versions, as far as the server knows them.
//
// RequestHead fills these in; the router switches over them.

/// The methods of RFC 9110 section 9 and RFC 5789. Methods are case-sensitive.
package enum HTTPMethod: UInt8, Sendable, CaseIterable {
    case get, head, post, put, patch, delete, options, trace, connect
    /// A valid token that names no method known here.
    case other
}

/// The protocol version of a message. HTTP/1.2 to 1.9 count as 1.1 (RFC 9110 section 2.5).
package enum HTTPVersion: UInt8, Sendable {
    case http10, http11
}
