// What a model is told when the text it wants to replace is not in the file: nearly always it is
// there with other white space, or a little changed. Shows the nearest line. Pure, and bounded
// whatever the file holds.

/// Words for a patch that found nothing.
enum PatchHint {
    private static let linesMost = 50_000
    private static let bytesCompared = 200

    static func notFound(_ old: [UInt8], in bytes: [UInt8], _ shown: String) -> String {
        let start = "\"old\" was not found in \(shown)"
        let newline = UInt8(ascii: "\n")
        let wanted = old.split(separator: newline).lazy.map(trimmed).first { !$0.isEmpty }
        guard let wanted, !bytes.isEmpty else {
            return bytes.isEmpty ? "\(start): the file is empty." : "\(start)."
        }
        var best: (line: Int, score: Int, text: ArraySlice<UInt8>)?
        for (index, line) in bytes.split(
            separator: newline, maxSplits: linesMost, omittingEmptySubsequences: false
        ).prefix(linesMost).enumerated() {
            let score = likeness(trimmed(line), wanted)
            if score > best?.score ?? 0 { best = (index + 1, score, line) }
        }
        let advice = "Read the file again and give the text exactly as it is."
        guard let best, best.score * 2 >= min(wanted.count, bytesCompared) else {
            return "\(start), nor anything like it. \(advice)"
        }
        let text = String(decoding: best.text.prefix(bytesCompared), as: UTF8.self)
        if trimmed(best.text).elementsEqual(wanted) {
            let which = old.contains(newline) ? "its first line is" : "it is"
            let how = contains(old, best.text) ? "the lines after it differ" : "but for white space"
            return "\(start): \(which) there at line \(best.line), \(how):\n\(text)\n\(advice)"
        }
        return "\(start). The nearest is line \(best.line):\n\(text)\n\(advice)"
    }

    /// Whether the line stands in `old` as it is, as its first line.
    private static func contains(_ old: [UInt8], _ line: ArraySlice<UInt8>) -> Bool {
        old.split(separator: UInt8(ascii: "\n")).contains { $0.elementsEqual(line) }
    }

    /// How many bytes two lines share at their beginning and their end.
    private static func likeness(_ line: ArraySlice<UInt8>, _ wanted: ArraySlice<UInt8>) -> Int {
        let most = min(line.count, wanted.count, bytesCompared)
        var first = 0
        while first < most,
            line[line.startIndex + first] == wanted[wanted.startIndex + first]
        { first += 1 }
        var last = 0
        while last < most - first,
            line[line.endIndex - 1 - last] == wanted[wanted.endIndex - 1 - last]
        { last += 1 }
        // Much besides makes it less like.
        return first + last - max(0, line.count - wanted.count) / 8
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = line
        while let first = rest.first, first == 0x20 || first == 0x09 || first == 0x0D {
            rest.removeFirst()
        }
        while let last = rest.last, last == 0x20 || last == 0x09 || last == 0x0D {
            rest.removeLast()
        }
        return rest
    }
}
