// The file a service's output goes to. Names of services are any text; names of files are not.
// Two names never share a file: the encoding can be undone, and what is cut carries a digest behind
// a byte the encoding itself never produces. Used by the supervisor and by `gr logs`.

/// File names of service logs.
package enum ServiceLogName {
    /// Longest encoded name; with `.log`, a rotation number and the monitor's additions it stays
    /// under the 255 bytes of a file name.
    static let maximumBytes = 180

    /// `NAME.log`, where bytes outside [A-Za-z0-9_.-] and a leading dot are percent-encoded.
    package static func fileName(_ service: String) -> String { encode(service) + ".log" }

    static func encode(_ name: String) -> String {
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            if isPlain(byte) && !(bytes.isEmpty && byte == UInt8(ascii: ".")) {
                bytes.append(byte)
            } else {
                bytes.append(UInt8(ascii: "%"))
                bytes.append(digit(byte >> 4))
                bytes.append(digit(byte & 15))
            }
        }
        if bytes.count > maximumBytes {
            let suffix = "~\(digest(name))"
            bytes.removeLast(bytes.count - (maximumBytes - suffix.utf8.count))
            bytes.append(contentsOf: suffix.utf8)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    /// FNV-1a of 128 bits: no accident finds two equal ones, and the names are the owner's own.
    private static func digest(_ name: String) -> String {
        let prime = UInt128(1) << 88 | 0x13B
        var value = UInt128(0x6C62_272E_07BB_0142) << 64 | 0x62B8_2175_6295_C58D
        for byte in name.utf8 {
            value ^= UInt128(byte)
            value = value &* prime
        }
        return RandomID.hex(UInt64(truncatingIfNeeded: value >> 64))
            + RandomID.hex(UInt64(truncatingIfNeeded: value))
    }
}
