// Writes JSON text (RFC 8259): the answers of the daemon and the request bodies of the client.
//
// Every route handler that answers with a body calls it. It keeps commas and escapes right and
// nothing else: the caller closes what it opened. It must never use Foundation and never emit a
// byte that a terminal, a script element or a line-wise reader would take for control.

/// One compact JSON value under construction.
///
/// Commas come by themselves; a debug build asserts that keys and values alternate. Text is
/// escaped so that the result is one line of valid UTF-8: `"`, `\`, U+0000 to U+001F, U+007F to
/// U+009F, U+2028 and U+2029.
package struct JSONText: Sendable {
    /// The text so far.
    package private(set) var bytes: [UInt8] = []
    /// Whether something stands in front, so that the next key or element needs a comma.
    private var followsValue = false
    private var depth = 0

    /// An empty text; `capacity` bytes are reserved.
    package init(capacity: Int = 256) {
        bytes.reserveCapacity(max(0, capacity))
    }

    /// The text as a string.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Empties the text and keeps its memory, for the next value.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        followsValue = false
        depth = 0
    }

    // MARK: Structure

    package mutating func beginObject() { open(0x7B) }
    package mutating func endObject() { close(0x7D) }
    package mutating func beginArray() { open(0x5B) }
    package mutating func endArray() { close(0x5D) }

    /// The name of the member whose value comes next.
    package mutating func key(_ name: StaticString) {
        separate()
        bytes.append(0x22)
        // Names in the source are plain ASCII (asserted), so they are copied as they are.
        name.withUTF8Buffer { utf8 in
            assert(unsafe utf8.allSatisfy(JSONText.isPlain), "escape this key: \(name)")
            unsafe bytes.append(contentsOf: utf8)
        }
        bytes.append(0x22)
        bytes.append(0x3A)
        followsValue = false
    }

    /// The name of the member whose value comes next, escaped.
    package mutating func key(text name: String) {
        separate()
        quote(name)
        bytes.append(0x3A)
        followsValue = false
    }

    // MARK: Values

    package mutating func string(_ value: String) {
        separate()
        quote(value)
        followsValue = true
    }

    /// Text given as bytes; what is no UTF-8 becomes U+FFFD.
    package mutating func string(decoding value: some Collection<UInt8>) {
        string(String(decoding: value, as: UTF8.self))
    }

    /// A whole number of at most 64 bits; a wider one is held at their ends.
    @inline(__always)
    package mutating func integer(_ value: some FixedWidthInteger) {
        integer(magnitude: UInt64(clamping: value.magnitude), isNegative: value < 0)
    }

    private mutating func integer(magnitude: UInt64, isNegative: Bool) {
        separate()
        digits(magnitude, isNegative: isNegative)
        followsValue = true
    }

    /// A number; what is not finite becomes null, because JSON has no word for it.
    package mutating func double(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        if abs(value) < 1e15, value != 0 || value.sign == .plus,
            let whole = Int64(exactly: value)
        {
            digits(whole.magnitude, isNegative: whole < 0)
        } else {
            bytes.append(contentsOf: value.description.utf8)
        }
        followsValue = true
    }

    package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

    package mutating func null() { literal("null") }

    /// A value that is JSON already, such as a body kept from before. It is not checked.
    package mutating func raw(_ value: some Collection<UInt8>) {
        separate()
        bytes.append(contentsOf: value)
        followsValue = true
    }

    // MARK: Escapes

    /// Whether `byte` may stand in a string as it is. The first bytes of the escaped characters
    /// beyond ASCII are not plain, so that the quick scan stops at them.
    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x22 && byte != 0x5C && byte != 0x7F && byte != 0xC2
            && byte != 0xE2
    }

    /// Looks at all bytes without stopping: the compiler makes vector code of that.
    private static func arePlain(_ bytes: Span<UInt8>, from start: Int) -> Bool {
        var others = 0
        for index in start..<bytes.count { others &+= isPlain(bytes[index]) ? 0 : 1 }
        return others == 0
    }

    private mutating func quote(_ value: String) {
        bytes.append(0x22)
        // Nearly all text needs no escape: copy it in one piece, then look.
        let start = bytes.count
        bytes.append(contentsOf: value.utf8)
        if !JSONText.arePlain(bytes.span, from: start) {
            bytes.removeSubrange(start...)
            for scalar in value.unicodeScalars { escape(scalar) }
        }
        bytes.append(0x22)
    }

    private mutating func escape(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x22, 0x5C:
            bytes.append(0x5C)
            bytes.append(UInt8(truncatingIfNeeded: scalar.value))
        case 0x08: short(0x62)
        case 0x09: short(0x74)
        case 0x0A: short(0x6E)
        case 0x0C: short(0x66)
        case 0x0D: short(0x72)
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029:
            bytes.append(0x5C)
            bytes.append(0x75)
            for shift: UInt32 in [12, 8, 4, 0] {
                let digit = UInt8(truncatingIfNeeded: scalar.value >> shift & 0xF)
                bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            }
        default:
            bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }

    private mutating func short(_ letter: UInt8) {
        bytes.append(0x5C)
        bytes.append(letter)
    }

    // MARK: Pieces

    private mutating func separate() {
        if followsValue { bytes.append(0x2C) }
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        followsValue = false
        depth += 1
    }

    private mutating func close(_ bracket: UInt8) {
        assert(depth > 0, "closed more than was opened")
        assert(bytes.last != 0x3A, "a key without a value")
        bytes.append(bracket)
        followsValue = true
        depth -= 1
    }

    private mutating func literal(_ word: String) {
        separate()
        bytes.append(contentsOf: word.utf8)
        followsValue = true
    }

    /// Digits of a magnitude; concrete, because a generic division is a call each.
    private mutating func digits(_ magnitude: UInt64, isNegative: Bool) {
        var text = InlineArray<20, UInt8>(repeating: 0)
        var at = 20
        var rest = magnitude
        repeat {
            at -= 1
            text[at] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest != 0
        if isNegative { bytes.append(0x2D) }
        for index in at..<20 { bytes.append(text[index]) }
    }
}

// MARK: Members

extension JSONText {
    package mutating func field(_ name: StaticString, _ value: String?) {
        key(name)
        if let value { string(value) } else { null() }
    }

    @inline(__always)
    package mutating func field(_ name: StaticString, _ value: (some FixedWidthInteger)?) {
        key(name)
        if let value { integer(value) } else { null() }
    }

    package mutating func field(_ name: StaticString, _ value: Double?) {
        key(name)
        if let value { double(value) } else { null() }
    }

    package mutating func field(_ name: StaticString, _ value: Bool?) {
        key(name)
        if let value { bool(value) } else { null() }
    }

    package mutating func field(_ name: StaticString, _ values: [String]) {
        key(name)
        beginArray()
        for value in values { string(value) }
        endArray()
    }

    /// An object of strings, in the order given.
    package mutating func field(
        _ name: StaticString, pairs: some Sequence<(key: String, value: String)>
    ) {
        key(name)
        beginObject()
        for (key, value) in pairs {
            self.key(text: key)
            string(value)
        }
        endObject()
    }

    package mutating func nullField(_ name: StaticString) {
        key(name)
        null()
    }
}
