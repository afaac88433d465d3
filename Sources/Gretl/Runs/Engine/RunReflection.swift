// What repeated failures mean: from the second unmet check on the model is told how often, and
// when two reasons in a row say nearly the same, that its strategy does not work. Pure.

/// A look at the last reasons.
struct RunReflection: Equatable {
    /// Unmet checks in a row.
    let failures: Int
    /// The last two reasons share more than 60 % of their words.
    let isRepeating: Bool

    /// `reasons`: of the last unmet checks, newest last; `failures`: how many there were.
    init(_ reasons: [String], failures: Int) {
        self.failures = failures
        isRepeating =
            reasons.count >= 2
            && RunReflection.overlap(reasons[reasons.count - 2], reasons[reasons.count - 1]) > 0.6
    }

    /// For the run's log.
    var sentences: [String] {
        guard failures >= 2 else { return [] }
        var sentences = ["Reflecting on \(failures) failures in a row"]
        if isRepeating {
            sentences.append("The last two failures are alike: asking for another way")
        }
        return sentences
    }

    /// The share of common words in all words of both.
    static func overlap(_ left: String, _ right: String) -> Double {
        let (left, right) = (words(left), words(right))
        let all = left.union(right)
        guard !all.isEmpty else { return 0 }
        return Double(left.intersection(right).count) / Double(all.count)
    }

    private static func words(_ text: String) -> Set<String> {
        Set(text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init))
    }
}
