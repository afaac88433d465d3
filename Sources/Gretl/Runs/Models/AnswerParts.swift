// The answer of a model while it comes, whatever the wire: text, tool calls piece by piece, tokens.
// Bounds what a server can make us keep, and makes names and ids such that any server takes them
// back: what comes later is sent to one of another maker perhaps.

/// What came so far.
struct AnswerParts: Sendable {
    struct Call: Sendable {
        var id: String
        var name: String
        /// The arguments as they came, piece by piece.
        var text: [UInt8]
        /// Nothing more of it is to come.
        var isWhole = false
    }

    private(set) var text: [UInt8] = []
    private(set) var calls: [Call] = []
    var usage = ModelUsage()
    /// It ended at a limit of tokens.
    var isCut = false
    /// The last that came was a call, which the limit cut then.
    private(set) var endsInCall = false
    private var count = 0

    /// Most bytes of text and arguments together, and most calls of one answer.
    static let bytesMost = 8 << 20
    static let callsMost = 128

    // MARK: As it comes

    mutating func add(text piece: String) throws(AttemptFailure) {
        guard !piece.isEmpty else { return }
        try grow(piece.utf8.count)
        text.append(contentsOf: piece.utf8)
        endsInCall = false
    }

    /// Between two blocks of text that have a call or thoughts between them.
    mutating func endParagraph() throws(AttemptFailure) {
        guard !text.isEmpty, text.last != 0x0A else { return }
        try add(text: "\n\n")
    }

    /// Begins a call; its place.
    mutating func beginCall(id: String, name: String) throws(AttemptFailure) -> Int {
        guard calls.count < AnswerParts.callsMost else {
            throw .nonsense("it calls more than \(AnswerParts.callsMost) tools at once")
        }
        try grow(id.utf8.count + name.utf8.count)
        calls.append(Call(id: id, name: name, text: []))
        endsInCall = true
        return calls.count - 1
    }

    mutating func add(arguments piece: String, to place: Int) throws(AttemptFailure) {
        try grow(piece.utf8.count)
        calls[place].text.append(contentsOf: piece.utf8)
        endsInCall = true
    }

    /// All arguments at once.
    mutating func set(
        arguments members: [String: JSONValue], of place: Int
    )
        throws(AttemptFailure)
    {
        let written = ArgumentsText.text(members)
        try grow(written.count)
        calls[place].text = written
    }

    mutating func name(_ place: Int, id: String, name: String) throws(AttemptFailure) {
        try grow(id.utf8.count + name.utf8.count)
        if calls[place].id.isEmpty { calls[place].id = id }
        if calls[place].name.isEmpty { calls[place].name = name }
    }

    mutating func endCall(_ place: Int) { calls[place].isWhole = true }

    private mutating func grow(_ bytes: Int) throws(AttemptFailure) {
        count += bytes
        guard count <= AnswerParts.bytesMost else {
            throw .nonsense("it is longer than \(AnswerParts.bytesMost >> 20) MiB")
        }
    }

    // MARK: At the end

    /// The whole message. `taken` are the ids the conversation has used; `makeID` makes new ones.
    func message(taken: Set<String>, makeID: () -> String) -> AssistantMessage {
        var taken = taken
        let made = calls.enumerated().map { place, call in
            var id = call.id
            while !AnswerParts.isUsable(id) || taken.contains(id) { id = makeID() }
            taken.insert(id)
            let written =
                call.text.allSatisfy { $0 == 0x20 || $0 == 0x0A } ? [0x7B, 0x7D] : call.text
            let isLast = place == calls.count - 1
            let wasCut = isCut && isLast && (endsInCall || !call.isWhole)
            return ToolCall(
                id: id, name: AnswerParts.usableName(call.name),
                text: String(decoding: wasCut ? call.text : written, as: UTF8.self),
                arguments: wasCut ? nil : ArgumentsText.members(written))
        }
        return AssistantMessage(text: String(decoding: text, as: UTF8.self), calls: made)
    }

    /// Ids that every server takes back.
    static func isUsable(_ id: String) -> Bool {
        (1...40).contains(id.utf8.count) && id.utf8.allSatisfy(isWord)
    }

    /// A name of a tool that every server takes back, whatever the model called.
    static func usableName(_ name: String) -> String {
        guard !name.isEmpty else { return "unnamed" }
        let units = name.utf8.prefix(64).map { isWord($0) ? $0 : UInt8(ascii: "_") }
        return String(decoding: units, as: UTF8.self)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
