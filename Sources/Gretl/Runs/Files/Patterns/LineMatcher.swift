// Runs a PatternProgram over lines: which of them hold what is looked for. The sets of states that
// occur are remembered as the states of a deterministic automaton, made as they are met and
// forgotten when they become too many; a byte then costs one look into a table.

/// Finds lines that match.
package struct LineMatcher {
    private let program: PatternProgram
    /// State sets by number: what may come next, before assertions are looked at, and what came
    /// before.
    private var sets: [StateSet] = []
    private var numbers: [StateSet: Int32] = [:]
    /// For each state and symbol the next state, or one of the three below.
    private var table: [Int32] = []
    /// In which round an instruction was last visited.
    private var visited: [Int]
    private var round = 0
    private var closed: [Int] = []
    /// Instructions that may still be looked at; a pattern made to need many ends the search.
    private var workLeft = FileToolLimits.patternWork

    /// The search was given up; nothing more is found.
    package var isExhausted: Bool { workLeft <= 0 }

    private struct StateSet: Hashable {
        var instructions: [Int32]
        var before: Before
    }

    private enum Before: UInt8 { case lineStart, word, other }

    private static let symbols = 257
    private static let lineEnd = 256
    private static let unknown: Int32 = -1
    private static let matched: Int32 = -2
    private static let failed: Int32 = -3

    init(_ program: PatternProgram) {
        self.program = program
        visited = Array(repeating: 0, count: program.instructions.count)
        _ = number(of: StateSet(instructions: [], before: .lineStart))
    }

    /// For a regular expression.
    package init(regularExpression pattern: String, ignoresCase: Bool) throws(PatternError) {
        let node = try PatternParser.parse(pattern, ignoresCase: ignoresCase)
        self.init(try PatternProgram(node))
    }

    /// For a text that stands for itself.
    package init(text: String, ignoresCase: Bool) throws(PatternError) {
        self.init(try PatternProgram(.text(text, ignoresCase: ignoresCase)))
    }

    /// The next line of `bytes` at or after `start`, which begins a line, that matches, without
    /// its end; nil when there is none.
    package mutating func matchingLine(in bytes: [UInt8], from start: Int) -> Range<Int>? {
        var lineStart = start
        while lineStart < bytes.count, !isExhausted {
            var state: Int32 = 0
            var index = lineStart
            while index < bytes.count, bytes[index] != 0x0A, state >= 0 {
                let byte = bytes[index]
                index += 1
                if byte == 0x0D, index < bytes.count, bytes[index] == 0x0A { break }
                state = step(state, Int(byte))
            }
            if state >= 0 { state = step(state, Self.lineEnd) }
            while index < bytes.count, bytes[index] != 0x0A { index += 1 }
            if state == Self.matched {
                let hasReturn = index > lineStart && index < bytes.count && bytes[index - 1] == 0x0D
                return lineStart..<(hasReturn ? index - 1 : index)
            }
            lineStart = index + 1
        }
        return nil
    }

    /// Whether `bytes`, taken as one line whatever is in it, match.
    package mutating func matches(_ bytes: some Sequence<UInt8>) -> Bool {
        var state: Int32 = 0
        for byte in bytes {
            state = step(state, Int(byte))
            if state < 0 { return state == Self.matched }
        }
        return step(state, Self.lineEnd) == Self.matched
    }

    private mutating func step(_ state: Int32, _ symbol: Int) -> Int32 {
        let known = table[Int(state) * Self.symbols + symbol]
        return known == Self.unknown ? make(state, symbol) : known
    }

    /// Works out a step that was not made before.
    private mutating func make(_ state: Int32, _ symbol: Int) -> Int32 {
        guard !isExhausted else { return Self.failed }
        let set = sets[Int(state)]
        let after: Before =
            symbol == Self.lineEnd
            ? .lineStart : Self.isWord(UInt8(truncatingIfNeeded: symbol)) ? .word : .other
        round += 1
        closed.removeAll(keepingCapacity: true)
        var isMatch = visit(program.start, set.before, after)
        for instruction in set.instructions {
            isMatch = visit(Int(instruction), set.before, after) || isMatch
        }
        var next: Int32
        if isMatch {
            next = Self.matched
        } else if symbol == Self.lineEnd {
            next = Self.failed
        } else {
            next = number(of: stepped(UInt8(truncatingIfNeeded: symbol), before: after))
            // The table was emptied to make room: the state that was stepped from is gone.
            if Int(state) >= sets.count || sets[Int(state)] != set { return next }
        }
        table[Int(state) * Self.symbols + symbol] = next
        return next
    }

    private mutating func stepped(_ byte: UInt8, before: Before) -> StateSet {
        round += 1
        var instructions: [Int32] = []
        for index in closed {
            guard case .bytes(let set, let next) = program.instructions[index],
                set.contains(byte), visited[next] != round
            else { continue }
            visited[next] = round
            instructions.append(Int32(next))
        }
        instructions.sort()
        return StateSet(instructions: instructions, before: before)
    }

    /// Collects what can be reached without a byte; true when that is the end of the pattern.
    private mutating func visit(_ start: Int, _ before: Before, _ after: Before) -> Bool {
        var isMatch = false
        var waiting = [start]
        while let index = waiting.popLast() {
            guard visited[index] != round else { continue }
            visited[index] = round
            workLeft -= 1
            switch program.instructions[index] {
            case .match: isMatch = true
            case .bytes: closed.append(index)
            case .split(let first, let second):
                waiting.append(second)
                waiting.append(first)
            case .assertion(let assertion, let next):
                if Self.holds(assertion, before, after) { waiting.append(next) }
            }
        }
        return isMatch
    }

    private static func holds(
        _ assertion: PatternAssertion, _ before: Before, _ after: Before
    ) -> Bool {
        switch assertion {
        case .lineStart: before == .lineStart
        // Of what follows, `lineStart` is the line's end.
        case .lineEnd: after == .lineStart
        case .wordEdge: (before == .word) != (after == .word)
        case .noWordEdge: (before == .word) == (after == .word)
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte >= 0x80 || byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte)
            || (0x61...0x7A).contains(ByteSearch.lower(byte))
    }

    private mutating func number(of set: StateSet) -> Int32 {
        if let number = numbers[set] { return number }
        if sets.count >= FileToolLimits.patternStates {
            let first = sets[0]
            sets.removeAll(keepingCapacity: true)
            numbers.removeAll(keepingCapacity: true)
            table.removeAll(keepingCapacity: true)
            _ = number(of: first)
            if set == first { return 0 }
        }
        let number = Int32(sets.count)
        sets.append(set)
        numbers[set] = number
        table.append(contentsOf: repeatElement(Self.unknown, count: Self.symbols))
        return number
    }
}
