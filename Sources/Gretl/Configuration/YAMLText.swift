// YAML (and JSON, which is a part of it) as JSON values: the only file that calls libyaml. Used for
// kubeconfigs, which strangers may post, and for .retrai.yml files: the input has a bound before
// the library sees it, a key that stands twice is refused, and no complaint repeats what the text
// holds.

internal import CYAML

/// Text that cannot be read.
package struct YAMLFailure: Error, Equatable {
    /// Counts from 1; 0 when it is about the text as a whole.
    package var line: Int
    package var message: String
}

/// Reads one YAML document.
package enum YAMLText {
    /// The document. Plain `true`, `false` and `null` are what they say, everything else that is no
    /// list and no map is a string, numbers too: a token may look like one. Takes milliseconds for
    /// a large text.
    package static func parse(_ bytes: [UInt8]) throws(YAMLFailure) -> JSONValue {
        guard bytes.count <= KubernetesLimits.kubeconfigBytes else {
            throw YAMLFailure(
                line: 0, message: "it is larger than \(KubernetesLimits.kubeconfigBytes >> 10) KiB")
        }
        var failure = cyaml_failure()
        // The bytes must stay until the document is built, which is before the closure ends.
        let document = unsafe bytes.withUnsafeBytes { bytes in
            unsafe cyaml_parse(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, &failure)
        }
        guard let document = unsafe document else {
            // The shim ends the text with a zero byte, and the library's texts are fixed words.
            let message = unsafe withUnsafeBytes(of: &failure.message) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw YAMLFailure(line: Int(failure.line), message: message)
        }
        defer { unsafe cyaml_free(document) }
        var reader = unsafe YAMLReader(document)
        return try reader.value()
    }
}

/// Turns the flat list of events back into a tree; its depth has the shim's bound.
@safe  // the document outlives the reader, and `index` stays below its count
private struct YAMLReader {
    private let document: OpaquePointer
    private let count: Int
    private var index = 0

    init(_ document: OpaquePointer) {
        unsafe self.document = unsafe document
        count = unsafe cyaml_count(document)
    }

    private mutating func next() -> cyaml_event? {
        guard index < count else { return nil }
        defer { index += 1 }
        return unsafe cyaml_event_at(document, index)
    }

    private func isNext(_ kind: cyaml_kind) -> Bool {
        guard index < count else { return true }
        return unsafe cyaml_event_at(document, index).kind == Int32(kind.rawValue)
    }

    private static func text(_ event: cyaml_event) -> String {
        guard let start = unsafe event.text else { return "" }
        // As long as the event says, within the document.
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: event.text_length)
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    mutating func value() throws(YAMLFailure) -> JSONValue {
        guard let event = unsafe next() else { return .null }
        switch unsafe UInt32(bitPattern: event.kind) {
        case CYAML_LIST_BEGIN.rawValue:
            var items: [JSONValue] = []
            while !isNext(CYAML_LIST_END) { items.append(try value()) }
            index += 1
            return .array(items)
        case CYAML_MAP_BEGIN.rawValue:
            var members: [String: JSONValue] = [:]
            while !isNext(CYAML_MAP_END) {
                guard let key = unsafe next(),
                    unsafe UInt32(bitPattern: key.kind) == CYAML_SCALAR.rawValue
                else {
                    throw YAMLFailure(
                        line: unsafe Int(event.line), message: "a key here is no text")
                }
                guard members.updateValue(try value(), forKey: unsafe Self.text(key)) == nil else {
                    throw YAMLFailure(
                        line: unsafe Int(key.line), message: "a key stands here a second time")
                }
            }
            index += 1
            return .object(members)
        default:
            let text = unsafe Self.text(event)
            guard unsafe event.is_plain != 0 else { return .string(text) }
            switch text {
            case "", "~", "null", "Null", "NULL": return .null
            case "true", "True", "TRUE": return .bool(true)
            case "false", "False", "FALSE": return .bool(false)
            default: return .string(text)
            }
        }
    }
}
