// Which of the known words was probably meant: for keys of config.toml and gr.toml, names of
// services and commands. Bounded: words longer than 64 bytes are not compared.

/// Finds near misses.
package enum Spelling {
    private static let longest = 64

    /// The candidate nearest to `word`, nil when none is near. A candidate `table.key` is also
    /// found by its key alone, and a key in the wrong table by its last part.
    package static func nearest(_ word: String, _ candidates: [String]) -> String? {
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let whole = distance(word, candidate)
            let tail = distance(lastPart(word), lastPart(candidate)) + 1
            let found = min(whole, tail)
            if found < (best?.distance ?? .max) { best = (candidate, found) }
        }
        guard let best else { return nil }
        // A third of the word may be wrong, two letters of a short one.
        let allowed = max(2, lastPart(word).utf8.count / 3)
        return best.distance <= min(allowed, 4) ? best.candidate : nil
    }

    private static func lastPart(_ word: String) -> String {
        word.split(separator: ".").last.map(String.init) ?? word
    }

    /// Letters inserted, left out, replaced, or swapped with their neighbour; case, `-` and `_`
    /// make no difference.
    static func distance(_ left: String, _ right: String) -> Int {
        let left = folded(left)
        let right = folded(right)
        guard left.count <= longest, right.count <= longest else { return .max - 1 }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, letter) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var cost = min(
                    last[column] + (letter == other ? 0 : 1), last[column + 1] + 1,
                    current[column] + 1)
                if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }

    private static func folded(_ word: String) -> [UInt8] {
        word.lowercased().utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
    }
}
