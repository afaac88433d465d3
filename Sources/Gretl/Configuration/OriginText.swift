// Web origins as the configuration may list them (RFC 6454 section 6.2). Compared byte for byte
// with the Origin header later, so only the form that browsers send is accepted here.

import HTTPParser

/// Checks the text of an origin.
enum OriginText {
    /// `scheme://host` with an optional port, in lower case. Not `null`, not `*`, no path.
    static func isValid(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count <= 300, let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            bytes[colon...].starts(with: "://".utf8)
        else { return false }
        let scheme = bytes[..<colon]
        let isLetter = { (byte: UInt8) in (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
        guard isLetter(scheme[0]),
            scheme.allSatisfy({ byte in
                isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
                    || byte == UInt8(ascii: ".")
            })
        else { return false }
        // A file has no origin of its own: browsers send null.
        guard scheme != Array("file".utf8)[...] else { return false }
        let authority = Array(bytes[(colon + 3)...])
        guard !authority.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }),
            !authority.contains(UInt8(ascii: "*")), !authority.contains(UInt8(ascii: "%")),
            authority.last != UInt8(ascii: ":")
        else { return false }
        let all = ByteRange(from: 0, to: authority.count)
        guard let value = HostValue.parse(authority.span, all) else { return false }
        // Browsers leave the default ports out.
        if value.port == 443, scheme == Array("https".utf8)[...] { return false }
        if value.port == 80, scheme == Array("http".utf8)[...] { return false }
        return true
    }
}
