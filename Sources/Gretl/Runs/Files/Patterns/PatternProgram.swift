// A pattern as instructions of a nondeterministic automaton, of bounded size: the time to match is
// at most bytes times instructions, whatever the pattern is. (A matcher that tries and goes back,
// as those of libc and Python do, can be made to take years by a pattern of 30 characters.) Pure.

/// A compiled pattern.
struct PatternProgram: Sendable {
    enum Instruction: Sendable {
        case bytes(ByteSet, next: Int)
        case split(Int, Int)
        case assertion(PatternAssertion, next: Int)
        case match
    }

    private(set) var instructions: [Instruction] = []
    /// Where it begins.
    private(set) var start = 0

    /// Instructions are made from the end to the beginning, each knows its successor.
    init(_ node: PatternNode) throws(PatternError) {
        instructions.append(.match)
        start = try add(node, before: 0)
    }

    private mutating func append(_ instruction: Instruction) throws(PatternError) -> Int {
        guard instructions.count < FileToolLimits.patternInstructions else {
            throw PatternError("The pattern is too large: make it shorter, or its counts smaller.")
        }
        instructions.append(instruction)
        return instructions.count - 1
    }

    private mutating func add(
        _ node: PatternNode, before next: Int
    ) throws(PatternError) -> Int {
        switch node {
        case .empty: return next
        case .bytes(let set): return try append(.bytes(set, next: next))
        case .assertion(let assertion): return try append(.assertion(assertion, next: next))
        case .sequence(let nodes):
            var first = next
            for node in nodes.reversed() { first = try add(node, before: first) }
            return first
        case .either(let nodes):
            guard let last = nodes.last else { return next }
            var first = try add(last, before: next)
            for node in nodes.dropLast().reversed() {
                let other = try add(node, before: next)
                first = try append(.split(other, first))
            }
            return first
        case .repeated(let node, let least, let most):
            return try addRepeated(node, least, most, before: next)
        }
    }

    private mutating func addRepeated(
        _ node: PatternNode, _ least: Int, _ most: Int?, before next: Int
    ) throws(PatternError) -> Int {
        var first = next
        if let most {
            for _ in least..<max(least, most) {
                let body = try add(node, before: first)
                // Skips all that may follow, which are as optional as this one.
                first = try append(.split(body, next))
            }
        } else {
            // The loop's own place is known before its body: what follows the body is the loop.
            let loop = try append(.split(next, next))
            let body = try add(node, before: loop)
            instructions[loop] = .split(body, next)
            first = loop
        }
        for _ in 0..<least {
            let before = instructions.count
            first = try add(node, before: first)
            // What adds nothing adds nothing however often.
            if instructions.count == before { break }
        }
        return first
    }
}
