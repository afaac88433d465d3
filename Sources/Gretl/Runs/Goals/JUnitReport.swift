// The report pytest writes (JUnit's XML), read by a scanner that knows tags, attributes and the
// five entities, and nothing else: no document type, no external entity. Whatever a test run wrote
// into it, reading is linear and what is kept is bounded; a report that breaks off tells that it
// does.

/// What a test run says.
struct JUnitReport: Sendable, Equatable {
    struct Failure: Sendable, Equatable {
        var name: String
        var message: String
    }

    private(set) var passed = 0
    private(set) var failed = 0
    private(set) var skipped = 0
    /// The first of those that failed.
    private(set) var failures: [Failure] = []
    /// It ends where it should.
    private(set) var isWhole = false

    var total: Int { passed + failed + skipped }

    private static let failuresMost = 50
    private static let textMost = 500
    private static let attributesMost = 64

    /// Nil when it is no such report.
    init?(_ bytes: [UInt8]) {
        var scanner = Scanner(bytes: bytes)
        var current: (name: String, isFailed: Bool, isSkipped: Bool, message: String)?
        var hasSuite = false
        while let tag = scanner.next() {
            switch tag.kind {
            case .refused: return nil
            case .begin, .alone:
                switch tag.name {
                case "testsuite", "testsuites": hasSuite = true
                case "testcase":
                    let parts = [tag["classname"], tag["name"]].compactMap { $0 }
                    current = (parts.joined(separator: "::"), false, false, "")
                    if tag.kind == .alone { finish(&current) }
                case "failure", "error":
                    if current?.isFailed == false {
                        current?.isFailed = true
                        current?.message = tag["message"] ?? ""
                    }
                case "skipped": current?.isSkipped = true
                default: break
                }
            case .end:
                if tag.name == "testcase" { finish(&current) }
                // Older ones have no element around the suites.
                if tag.name == "testsuites" || tag.name == "testsuite" { isWhole = true }
            }
        }
        guard hasSuite else { return nil }
    }

    private mutating func finish(
        _ current: inout (name: String, isFailed: Bool, isSkipped: Bool, message: String)?
    ) {
        guard let test = current else { return }
        current = nil
        if test.isFailed {
            failed += 1
            if failures.count < JUnitReport.failuresMost {
                failures.append(Failure(name: test.name, message: test.message))
            }
        } else if test.isSkipped {
            skipped += 1
        } else {
            passed += 1
        }
    }

    // MARK: Scanning

    private struct Tag {
        enum Kind { case begin, alone, end, refused }
        var kind: Kind
        var name = ""
        var attributes: [(name: String, value: String)] = []

        subscript(name: String) -> String? { attributes.first { $0.name == name }?.value }
    }

    private struct Scanner {
        let bytes: [UInt8]
        var index = 0

        /// The next tag; nil at the end, or where the rest is cut.
        mutating func next() -> Tag? {
            while let open = bytes[index...].firstIndex(of: UInt8(ascii: "<")) {
                index = open + 1
                if skip("!--", to: "-->") || skip("![CDATA[", to: "]]>") || skip("?", to: "?>") {
                    continue
                }
                guard index < bytes.count else { return nil }
                if bytes[index] == UInt8(ascii: "!") { return Tag(kind: .refused) }
                return tag()
            }
            index = bytes.count
            return nil
        }

        private mutating func skip(_ start: String, to end: String) -> Bool {
            guard bytes[index...].starts(with: start.utf8) else { return false }
            let end = Array(end.utf8)
            index += start.utf8.count
            while index < bytes.count, !bytes[index...].starts(with: end) { index += 1 }
            index = min(bytes.count, index + end.count)
            return true
        }

        private mutating func tag() -> Tag? {
            var tag = Tag(kind: .begin)
            if bytes[index] == UInt8(ascii: "/") {
                tag.kind = .end
                index += 1
            }
            tag.name = word()
            while index < bytes.count {
                let byte = bytes[index]
                if byte == UInt8(ascii: ">") {
                    index += 1
                    return tag
                }
                if byte == UInt8(ascii: "/") {
                    if tag.kind == .begin { tag.kind = .alone }
                    index += 1
                } else if Scanner.isNameByte(byte) {
                    let name = word()
                    guard let value = value() else { return nil }
                    if tag.attributes.count < JUnitReport.attributesMost {
                        tag.attributes.append((name, value))
                    }
                } else {
                    index += 1
                }
            }
            return nil
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            byte > 0x20 && byte != UInt8(ascii: ">") && byte != UInt8(ascii: "/")
                && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\"")
                && byte != UInt8(ascii: "'") && byte != UInt8(ascii: "<")
        }

        private mutating func word() -> String {
            let start = index
            while index < bytes.count, Scanner.isNameByte(bytes[index]) { index += 1 }
            return String(decoding: bytes[start..<index].prefix(100), as: UTF8.self)
        }

        /// `="..."`; nil where the rest is cut.
        private mutating func value() -> String? {
            guard index + 1 < bytes.count else { return nil }
            guard bytes[index] == UInt8(ascii: "=") else { return "" }
            let quote = bytes[index + 1]
            guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
                index += 1
                return ""
            }
            index += 2
            guard let end = bytes[index...].firstIndex(of: quote) else {
                index = bytes.count
                return nil
            }
            defer { index = end + 1 }
            return Scanner.plain(bytes[index..<end].prefix(4 * JUnitReport.textMost))
        }

        /// Entities replaced, and cut.
        private static func plain(_ bytes: ArraySlice<UInt8>) -> String {
            let text = String(decoding: bytes, as: UTF8.self)
            guard text.contains("&") else { return String(text.prefix(JUnitReport.textMost)) }
            var made = ""
            var rest = text[...]
            while let sign = rest.firstIndex(of: "&"), made.count < JUnitReport.textMost {
                made += rest[..<sign]
                rest = rest[rest.index(after: sign)...]
                guard let end = rest.prefix(10).firstIndex(of: ";") else {
                    made += "&"
                    continue
                }
                made += entity(rest[..<end])
                rest = rest[rest.index(after: end)...]
            }
            return String((made + rest).prefix(JUnitReport.textMost))
        }

        private static func entity(_ name: Substring) -> String {
            switch name {
            case "lt": return "<"
            case "gt": return ">"
            case "amp": return "&"
            case "quot": return "\""
            case "apos": return "'"
            default:
                guard name.first == "#" else { return "&\(name);" }
                let digits = name.dropFirst()
                let code =
                    digits.first == "x" || digits.first == "X"
                    ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
                return code.flatMap(Unicode.Scalar.init).map { String(Character($0)) } ?? " "
            }
        }
    }
}
