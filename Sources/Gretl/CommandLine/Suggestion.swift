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
        let typed = Array(word.lowercased().unicodeScalars.prefix(lengthMost + 1))
        guard !typed.isEmpty, typed.count <= lengthMost else { return nil }
        // One slip in a short word, two in a longer one.
        var best = typed.count <= 4 ? 2 : 3
        var found: String?
        for candidate in candidates.prefix(candidatesMost) {
            let known = Array(candidate.lowercased().unicodeScalars.prefix(lengthMost + 1))
            guard !known.isEmpty, known.count <= lengthMost else { continue }
            let isStart = typed.count >= 3 && known.starts(with: typed)
            let steps = isStart ? 1 : distance(typed, known)
            if steps < best, steps < max(typed.count, known.count) {
                best = steps
                found = candidate
            }
        }
        return found
    }

    /// Insertions, deletions, replacements and swaps of neighbours between two words.
    private static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        var before: [Int] = []
        var above = Array(0...right.count)
        for i in 1...left.count {
            var row = [i]
            row.reserveCapacity(right.count + 1)
            for j in 1...right.count {
                let isSame = left[i - 1] == right[j - 1]
                var steps = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (isSame ? 0 : 1))
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    steps = min(steps, before[j - 2] + 1)
                }
                row.append(steps)
            }
            before = above
            above = row
        }
        return above[right.count]
    }
}
