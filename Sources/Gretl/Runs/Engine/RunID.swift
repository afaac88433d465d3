// Names of runs: version 4 UUIDs (RFC 9562), as the original's clients expect them.

/// Makes names.
enum RunID {
    static func make() -> String {
        let high = UInt64.random(in: .min ... .max) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = UInt64.random(in: .min ... .max) & 0x3FFF_FFFF_FFFF_FFFF | 1 << 63
        let digits = Array(RandomID.hex(high) + RandomID.hex(low))
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }
            .joined(separator: "-")
    }
}
