// Reads a few members out of megabytes of JSON as they come (RFC 8259): lists and watches of an API
// server, of which we keep a hundredth. Resumable at any byte, without a tree and without memory
// that grows with the text. What nobody asked for is skipped by counting brackets: its insides are
// not checked. Who asks says so by a tree of member names (ScanTree). Pure; the text comes from
// somebody we do not trust.

/// The members that are wanted, as a tree of names.
package struct ScanTree: Sendable {
    struct Node: Sendable {
        var members: [(name: [UInt8], node: Int)] = []
    }

    /// The first is the root.
    private(set) var nodes = [Node()]

    package init() {}

    /// A member of what `parent` is, and its number. The elements of an array are what the array
    /// is.
    package mutating func add(_ name: String, to parent: Int = 0) -> Int {
        nodes.append(Node())
        nodes[parent].members.append((Array(name.utf8), nodes.count - 1))
        return nodes.count - 1
    }

    @inline(__always)
    func child(_ parent: Int, _ name: Span<UInt8>) -> Int? {
        for member in nodes[parent].members where ScanTree.isSame(member.name, name) {
            return member.node
        }
        return nil
    }

    @inline(__always)
    private static func isSame(_ left: [UInt8], _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in left.indices where left[index] != right[index] { return false }
        return true
    }

    /// Nothing below it is wanted: its value is.
    @inline(__always)
    func isLeaf(_ node: Int) -> Bool { nodes[node].members.isEmpty }
}

/// Told of what was found, in the order of the text.
package protocol ScanSink {
    /// An object at `node` begins; an array's elements each.
    mutating func began(_ node: Int)
    mutating func ended(_ node: Int)
    /// A string, unescaped, or the text of a number, true, false or null.
    mutating func found(_ node: Int, _ text: [UInt8], isString: Bool)
}

/// The state of a scan between two pieces of text.
package struct JSONScanner: Sendable {
    package enum Outcome: Equatable, Sendable {
        /// More is needed, or (between values) possible.
        case more
        case malformed(String)
    }

    private enum State: Sendable {
        /// Before a value.
        case value
        /// Before an element or the end of an array that has none yet.
        case firstElement
        /// Before a name or the end of an object.
        case name(isFirst: Bool)
        case inName, inString, inLiteral
        case colon
        /// Behind a value: a comma or an end.
        case behind
        case skipped, inSkippedString
        /// Behind the outermost value.
        case between
    }

    private struct Frame: Sendable {
        let node: Int
        let isArray: Bool
    }

    private let tree: ScanTree
    private var state = State.between
    private var frames: [Frame] = []
    /// What the value that comes is; nil: skipped.
    private var node: Int? = 0
    private var text: [UInt8] = []
    private var isEscaped = false
    private var hasEscapes = false
    private var skipDepth = 0
    private var isWordWrong = false

    /// Longest name and value that are kept, deepest wanted and deepest skipped nesting.
    static let nameMost = 128
    static let valueMost = 16_384
    private static let words = [Array("null".utf8), Array("true".utf8), Array("false".utf8)]
    static let framesMost = 16
    static let skipDepthMost = 256

    package init(_ tree: ScanTree) { self.tree = tree }

    /// Whether no value is under way.
    package var isBetweenValues: Bool {
        if case .between = state { true } else { false }
    }

    /// Goes on with the next piece. After `.malformed` there is no going on.
    package mutating func feed(
        _ bytes: Span<UInt8>, _ sink: inout some ScanSink
    ) -> Outcome {
        var at = 0
        let end = bytes.count
        while at < end {
            switch state {
            case .skipped: at = skip(bytes, at)
            case .inSkippedString: at = skipString(bytes, at)
            case .inName, .inString: at = collect(bytes, at, &sink)
            case .inLiteral: at = literal(bytes, at, &sink)
            default:
                let byte = bytes[at]
                if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
                    at += 1
                    continue
                }
                guard structure(byte, &sink) else { return .malformed(reason) }
                at += 1
            }
            if isWordWrong { return .malformed("a word is none of true, false and null") }
            if skipDepth > JSONScanner.skipDepthMost || text.count > JSONScanner.valueMost {
                return .malformed("it is nested too deeply, or a value is too long")
            }
        }
        return .more
    }

    private var reason: String {
        switch state {
        case .colon: "a name is not followed by a colon"
        case .behind: "a value is followed by neither comma nor bracket"
        case .name: "a member has no name"
        default: "it is no JSON"
        }
    }

    // MARK: Structure

    /// One byte that is no space and in no string, number or skipped part. False: it is wrong.
    private mutating func structure(_ byte: UInt8, _ sink: inout some ScanSink) -> Bool {
        switch state {
        case .between:
            node = 0
            return begin(byte, &sink)
        case .value: return begin(byte, &sink)
        case .firstElement:
            if byte == UInt8(ascii: "]") { return pop(isArray: true, &sink) }
            return begin(byte, &sink)
        case .name(let isFirst):
            if byte == UInt8(ascii: "}"), isFirst { return pop(isArray: false, &sink) }
            guard byte == UInt8(ascii: "\"") else { return false }
            text.removeAll(keepingCapacity: true)
            hasEscapes = false
            state = .inName
            return true
        case .colon:
            guard byte == UInt8(ascii: ":") else { return false }
            if node == nil {
                skipDepth = 0
                state = .skipped
            } else {
                state = .value
            }
            return true
        case .behind:
            guard let frame = frames.last else { return false }
            switch byte {
            case UInt8(ascii: ","):
                node = frame.node
                state = frame.isArray ? .value : .name(isFirst: false)
                return true
            case UInt8(ascii: "]"): return pop(isArray: true, &sink)
            case UInt8(ascii: "}"): return pop(isArray: false, &sink)
            default: return false
            }
        case .inName, .inString, .inLiteral, .skipped, .inSkippedString: return false
        }
    }

    /// The first byte of a wanted value.
    private mutating func begin(_ byte: UInt8, _ sink: inout some ScanSink) -> Bool {
        guard let node else { return false }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let isArray = byte == UInt8(ascii: "[")
            // A leaf that is none is of no use.
            guard !tree.isLeaf(node) else {
                skipDepth = 1
                state = .skipped
                return true
            }
            guard frames.count < JSONScanner.framesMost else { return false }
            frames.append(Frame(node: node, isArray: isArray))
            if !isArray { sink.began(node) }
            state = isArray ? .firstElement : .name(isFirst: true)
        case UInt8(ascii: "\""):
            text.removeAll(keepingCapacity: true)
            hasEscapes = false
            state = .inString
        case UInt8(ascii: "-"), 0x30...0x39, UInt8(ascii: "t"), UInt8(ascii: "f"),
            UInt8(ascii: "n"):
            text.removeAll(keepingCapacity: true)
            text.append(byte)
            state = .inLiteral
        default: return false
        }
        return true
    }

    private mutating func pop(isArray: Bool, _ sink: inout some ScanSink) -> Bool {
        guard let frame = frames.popLast(), frame.isArray == isArray else { return false }
        if !isArray { sink.ended(frame.node) }
        state = frames.isEmpty ? .between : .behind
        return true
    }

    private mutating func endValue() { state = frames.isEmpty ? .between : .behind }

    // MARK: Strings and literals

    /// Goes on with a name or a wanted string; the place behind what was taken.
    private mutating func collect(
        _ bytes: Span<UInt8>, _ start: Int, _ sink: inout some ScanSink
    ) -> Int {
        var at = start
        while at < bytes.count, text.count <= JSONScanner.valueMost {
            if isEscaped {
                isEscaped = false
                text.append(bytes[at])
                at += 1
                continue
            }
            let end = plainEnd(bytes, at)
            if end < bytes.count, bytes[end] == UInt8(ascii: "\""), text.isEmpty,
                case .inName = state
            {
                // Most names stand in one piece of text, plain: they are compared there.
                endName(bytes.extracting(at..<end))
                return end + 1
            }
            append(bytes.extracting(at..<end))
            at = end
            guard at < bytes.count, text.count <= JSONScanner.valueMost else { return at }
            at += 1
            guard bytes[end] == UInt8(ascii: "\\") else {
                endString(&sink)
                return at
            }
            isEscaped = true
            hasEscapes = true
            text.append(bytes[end])
        }
        return at
    }

    /// The first quote or backslash from `start` on, or where the piece ends or the value is too
    /// long.
    @inline(__always)
    private func plainEnd(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        let limit = min(bytes.count, start + JSONScanner.valueMost + 1 - text.count)
        var at = start
        while at < limit {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return at }
            at &+= 1
        }
        return at
    }

    @inline(__always)
    private mutating func append(_ bytes: Span<UInt8>) {
        // The buffer is read within the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe text.append(contentsOf: $0) }
    }

    @inline(__always)
    private mutating func endName(_ name: Span<UInt8>) {
        let parent = frames.last?.node ?? 0
        node = name.count <= JSONScanner.nameMost ? tree.child(parent, name) : nil
        state = .colon
    }

    private mutating func endString(_ sink: inout some ScanSink) {
        if hasEscapes { text = JSONScanner.unescaped(text) }
        if case .inName = state {
            let name = text
            endName(name.span)
        } else {
            if let node, tree.isLeaf(node) { sink.found(node, text, isString: true) }
            endValue()
        }
    }

    /// Goes on with a number or a word. The byte that ends it is not taken.
    private mutating func literal(
        _ bytes: Span<UInt8>, _ start: Int, _ sink: inout some ScanSink
    ) -> Int {
        var at = start
        while at < bytes.count, text.count <= JSONScanner.valueMost {
            switch bytes[at] {
            case 0x30...0x39, 0x61...0x7A, UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "E"):
                text.append(bytes[at])
                at += 1
            default:
                endLiteral(&sink)
                return at
            }
        }
        return at
    }

    private mutating func endLiteral(_ sink: inout some ScanSink) {
        if text[0] >= 0x61, !JSONScanner.words.contains(text) { isWordWrong = true }
        if let node, tree.isLeaf(node) { sink.found(node, text, isString: false) }
        endValue()
    }

    // MARK: What is skipped

    /// To the end of the value or of the piece. The byte that ends a number is not taken.
    private mutating func skip(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        var at = start
        var depth = skipDepth
        defer { skipDepth = depth }
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                at += 1
                // Most strings end in this piece.
                while at < bytes.count {
                    let byte = bytes[at]
                    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
                    at += 1
                }
                guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
                    state = .inSkippedString
                    return at
                }
                at += 1
                if depth == 0 { return leave(at) }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                at += 1
                if depth > JSONScanner.skipDepthMost { return at }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                // Depth 0: the end of the object that a skipped number stands in.
                if depth == 0 { return leave(at) }
                depth -= 1
                at += 1
                if depth == 0 { return leave(at) }
            case UInt8(ascii: ","):
                if depth == 0 { return leave(at) }
                at += 1
            default: at += 1
            }
        }
        return at
    }

    private mutating func leave(_ at: Int) -> Int {
        endValue()
        return at
    }

    private mutating func skipString(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        var at = start
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                if skipDepth == 0 { endValue() } else { state = .skipped }
                return at
            }
        }
        return at
    }
}
