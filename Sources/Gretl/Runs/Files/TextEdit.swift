// Changes of a file's content: file_patch and file_insert without the file. They work on bytes, so
// that what is not touched stays as it is, text or not. Pure.

/// What a patch did.
package struct PatchResult: Equatable {
    package var bytes: [UInt8]
    /// The 1-based lines at which text was replaced; the first 20.
    package var lines: [Int]
    package var places: Int
    /// The file ends its lines with CR LF and the text given did not.
    package var keptReturns = false
}

/// Edits content.
package enum TextEdit {
    private static let newline = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let linesNamed = 20

    /// Replaces `old` by `new`: `occurrence` 1 must be the only one, N is the Nth, 0 means all.
    /// Places do not overlap; they are counted from the beginning.
    package static func patch(
        _ bytes: [UInt8], old: [UInt8], new: [UInt8], occurrence: Int, shown: String
    ) throws(FileRefusal) -> PatchResult {
        guard !old.isEmpty else { throw FileRefusal("\"old\" must not be empty.") }
        guard old != new else {
            throw FileRefusal("\"old\" and \"new\" are the same: nothing would change.")
        }
        var (old, new) = (old, new)
        var places = places(of: old, in: bytes)
        var keptReturns = false
        if places.isEmpty, let ends = returned(old, of: bytes) {
            places = self.places(of: ends, in: bytes)
            keptReturns = !places.isEmpty
            if keptReturns { (old, new) = (ends, withReturns(new)) }
        }
        guard !places.isEmpty else {
            throw FileRefusal(PatchHint.notFound(old, in: bytes, shown))
        }
        if occurrence == 1, places.count > 1 {
            let lines = self.lines(of: Array(places.prefix(linesNamed)), in: bytes)
            throw FileRefusal(
                "\"old\" occurs \(places.count) times in \(shown), at lines \(list(lines)). Give "
                    + "more of the text around it so that it occurs once, or occurrence 0 for all.")
        }
        guard occurrence <= places.count else {
            throw FileRefusal(
                "\"old\" occurs only \(places.count) times in \(shown), not \(occurrence).")
        }
        let chosen = occurrence == 0 ? places : [places[occurrence - 1]]
        guard
            bytes.count + chosen.count * max(0, new.count - old.count)
                <= FileToolLimits.fileWriteBytes
        else { throw tooLarge(shown) }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + chosen.count * max(0, new.count - old.count))
        var end = 0
        for place in chosen {
            result += bytes[end..<place]
            result += new
            end = place + old.count
        }
        result += bytes[end...]
        return PatchResult(
            bytes: result, lines: lines(of: Array(chosen.prefix(linesNamed)), in: bytes),
            places: chosen.count, keptReturns: keptReturns)
    }

    /// Puts `content`, made whole lines, before the 1-based `line`. Returns the line at which it
    /// begins now and how many lines it has.
    package static func insert(
        _ bytes: [UInt8], content: [UInt8], before line: Int, shown: String
    ) throws(FileRefusal) -> (bytes: [UInt8], line: Int, count: Int) {
        guard line >= 0 else {
            throw FileRefusal(
                "\"line\" must be 0 or more: 0 puts the text first, a number beyond the end last.")
        }
        guard !content.isEmpty else { throw FileRefusal("\"content\" is empty.") }
        var content =
            usesReturns(bytes) && !content.contains(carriageReturn)
            ? withReturns(content) : content
        let end = usesReturns(bytes) ? [carriageReturn, newline] : [newline]
        var (place, number) = start(ofLine: max(1, line), in: bytes)
        var result: [UInt8] = []
        if place == bytes.count, let last = bytes.last, last != newline {
            // The last line has no end: it gets one, and what is added has none in its place.
            result = bytes + end + content
            number += 1
        } else {
            if content.last != newline { content += end }
            result = Array(bytes[..<place]) + content + Array(bytes[place...])
        }
        guard result.count <= FileToolLimits.fileWriteBytes else { throw tooLarge(shown) }
        place = content.last == newline ? 0 : 1
        return (result, number, content.count { $0 == newline } + place)
    }

    /// Where the 1-based line begins, and its number; the end, and the number of the line that
    /// would begin there, when there are fewer.
    private static func start(ofLine line: Int, in bytes: [UInt8]) -> (place: Int, number: Int) {
        var number = 1
        var place = 0
        while number < line {
            guard let end = ByteSearch.first(newline, in: bytes.span, place..<bytes.count) else {
                return (bytes.count, number)
            }
            place = end + 1
            number += 1
        }
        return (place, number)
    }

    private static func places(of needle: [UInt8], in bytes: [UInt8]) -> [Int] {
        var found: [Int] = []
        var at = 0
        while let place = ByteSearch.place(of: needle.span, in: bytes.span, from: at) {
            found.append(place)
            at = place + needle.count
        }
        return found
    }

    /// The 1-based lines of ascending places.
    private static func lines(of places: [Int], in bytes: [UInt8]) -> [Int] {
        var line = 1
        var at = 0
        return places.map { place in
            while let end = ByteSearch.first(newline, in: bytes.span, at..<place) {
                line += 1
                at = end + 1
            }
            return line
        }
    }

    // MARK: Line ends

    /// Whether the first line ends with CR LF.
    private static func usesReturns(_ bytes: [UInt8]) -> Bool {
        guard let end = bytes.firstIndex(of: newline), end > 0 else { return false }
        return bytes[end - 1] == carriageReturn
    }

    /// `text` with CR LF; nil where that is no other text, or not how the file's lines end.
    private static func returned(_ text: [UInt8], of bytes: [UInt8]) -> [UInt8]? {
        guard usesReturns(bytes), text.contains(newline), !text.contains(carriageReturn) else {
            return nil
        }
        return withReturns(text)
    }

    private static func withReturns(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for byte in text {
            if byte == newline, result.last != carriageReturn { result.append(carriageReturn) }
            result.append(byte)
        }
        return result
    }

    // MARK: Words

    static func list(_ lines: [Int]) -> String { lines.map(String.init).joined(separator: ", ") }

    private static func tooLarge(_ shown: String) -> FileRefusal {
        FileRefusal(
            "\(shown) would become larger than \(FileToolLimits.fileWriteBytes) bytes.")
    }
}
