// Names in paths and records: percent-encoded there, any text of up to 128 bytes here.

import HTTPParser

/// Coding of names.
package enum ServiceNames {
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
