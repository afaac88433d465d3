// The uid of an object, in sixteen bytes where it is a UUID as API servers write them: as text ten
// thousand of them take a megabyte. Any other text is kept as it came. A value, used by Workload.

/// A uid.
struct ObjectUID: Sendable, Equatable {
    private enum Form: Equatable {
        case packed(UInt64, UInt64)
        case text(String)
    }

    private let form: Form

    init(_ text: String) {
        form = ObjectUID.packed(text).map { .packed($0.high, $0.low) } ?? .text(text)
    }

    /// As it came.
    var text: String {
        guard case .packed(let high, let low) = form else {
            if case .text(let text) = form { return text }
            return ""
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(ObjectUID.length)
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 {
                bytes.append(UInt8(ascii: "-"))
            }
            let word = index < 16 ? high : low
            let digit = UInt8(word >> UInt64(60 - index % 16 * 4) & 0xF)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let length = 36

    /// Nil for what would not be the same text again.
    private static func packed(_ text: String) -> (high: UInt64, low: UInt64)? {
        guard text.utf8.count == length else { return nil }
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for (index, byte) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - UInt8(ascii: "0")
            case 0x61...0x66: digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            if index < 18 {
                words.high = words.high << 4 | UInt64(digit)
            } else {
                words.low = words.low << 4 | UInt64(digit)
            }
        }
        return words
    }
}
