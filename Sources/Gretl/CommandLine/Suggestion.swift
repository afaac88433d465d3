// "Did you mean": the known word nearest to a mistyped one. For commands, options, values and
// service names. It must stay quiet when nothing is near: a wild guess is worse than none.

enum Suggestion {
    /// Words longer than this are not compared; nobody mistypes them by two letters.
    private static let lengthMost = 64
    /// Candidates looked at.
    private static let candidatesMost = 1_000

    /// The hint line, or nil when no word is near.
    static func hint(for word: String, among candidates: [String]) -> String? {
        nearest(to: word, among: candidates).map { "did you mean '\($0)'?" }
    }

    /// The nearest candidate; of two equally near the first.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let length = word.unicodeScalars.count
        guard length > 0, length <= lengthMost else { return nil }
        // One slip in a short word, two in a longer one.
        var best = length <= 4 ? 2 : 3
        var found: String?
        let typed = word.lowercased()
        for candidate in candidates.prefix(candidatesMost) {
            let isStart = length >= 3 && candidate.lowercased().hasPrefix(typed)
            let steps = isStart ? 1 : Spelling.distance(word, candidate)
            if steps < best, steps < max(length, candidate.unicodeScalars.count) {
                best = steps
                found = candidate
            }
        }
        return found
    }
}
