// The text forms of IP addresses, by the grammar of RFC 3986 section 3.2.2.
//
// HostValue asks here whether a host is an address. Only the one strict form of each passes:
// no octal or short IPv4, no zone identifiers.

/// Grammar checks over `bytes[from ..< to]`.
package enum IPAddressText {
    /// Four decimal octets without leading zeros.
    package static func isIPv4(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> Bool {
        guard from >= 0, to <= bytes.count, to &- from >= 7, to &- from <= 15 else { return false }
        var at = from
        for octet in 0..<4 {
            if octet > 0 {
                guard at < to, bytes[at] == 0x2E else { return false }
                at &+= 1
            }
            let start = at
            var value = 0
            while at < to, at &- start < 3, ASCII.isDigit(bytes[at]) {
                value = value &* 10 &+ Int(bytes[at] &- 0x30)
                at &+= 1
            }
            guard at > start, value <= 255, at &- start == 1 || bytes[start] != 0x30 else {
                return false
            }
        }
        return at == to
    }

    /// Eight groups, or fewer with one "::"; the last two may be written as IPv4.
    package static func isIPv6(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> Bool {
        guard from >= 0, to <= bytes.count, to &- from >= 2, to &- from <= 45 else { return false }
        var at = from
        var groups = 0
        var isShortened = false
        if bytes[at] == 0x3A {
            guard bytes[at &+ 1] == 0x3A else { return false }
            isShortened = true
            at &+= 2
        }
        while at < to {
            let start = at
            while at < to, at &- start < 4, ASCII.hexValue(bytes[at]) != nil { at &+= 1 }
            if at < to, bytes[at] == 0x2E {
                guard isIPv4(bytes, start, to) else { return false }
                groups &+= 2
                at = to
                break
            }
            guard at > start else { return false }
            groups &+= 1
            guard groups <= 8 else { return false }
            if at == to { break }
            guard bytes[at] == 0x3A, at &+ 1 < to else { return false }
            at &+= 1
            if bytes[at] == 0x3A {
                guard !isShortened else { return false }
                isShortened = true
                at &+= 1
            }
        }
        return isShortened ? groups < 8 : groups == 8
    }
}
