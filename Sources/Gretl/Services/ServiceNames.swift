// Names in paths and records: percent-encoded there, any text of up to 128 bytes here.

import HTTPParser

/// Coding of names.
package enum ServiceNames {
    /// Whether `text` needs no encoding in a path: then the path holds its bytes, and they cannot
    /// be mistaken for anything else.
    package static func isPlain(_ text: String) -> Bool {
        text != "." && text != ".." && text.utf8.allSatisfy(isUnreserved)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    /// Percent-encodes all but unreserved characters (RFC 3986 section 2.3).
    package static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if isUnreserved(byte) {
                bytes.append(byte)
            } else {
                bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Percent-decodes; nil when an escape is malformed or the result is not UTF-8.
    package static func decode(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count < 1_024 else { return nil }
        var isWhole = false
        let decoded = [UInt8](capacity: bytes.count) { output in
            isWhole = percentDecode(
                bytes.span, ByteRange(from: 0, to: bytes.count), into: &output)
        }
        return isWhole ? String(validating: decoded, as: UTF8.self) : nil
    }
}
