// file_read and file_list: what they show of a file or folder, within their bounds, and what they
// say of the rest. Bytes that are no text never reach a model as they are. Blocking calls: on the
// background thread.

/// Shows files and folders.
enum FileReading {
    private static let newline = UInt8(ascii: "\n")
    private static let pieceBytes = 262_144

    /// Lines `first` to `last`, 1-based, both included; all of them when nil.
    static func read(
        _ path: ProjectPath, in confined: borrowing ConfinedFolder, from first: Int?,
        through last: Int?
    ) throws(FileRefusal) -> ToolOutcome {
        if let first, let last, last < first {
            throw FileRefusal("end_line \(last) is before start_line \(first).")
        }
        let file = try confined.file(path)
        var part = LinePart(first: first ?? 1, last: last ?? .max)
        var scanned = 0
        var atEnd = false
        while scanned < FileToolLimits.fileScanBytes {
            let piece = try file.next(most: pieceBytes)
            if piece.isEmpty {
                atEnd = true
                break
            }
            scanned += piece.count
            part.take(piece)
        }
        guard scanned > 0 else { return ToolOutcome("(\(path.shown) is empty)") }
        if part.bytes.prefix(8_192).contains(0) { throw binary(path, file.size, part.bytes) }
        let lines = part.lineCount
        let total = atEnd ? "\(lines)" : "more than \(lines)"
        guard part.bytes.count > 0 || part.first <= lines else {
            throw FileRefusal("\(path.shown) has only \(total) lines.")
        }
        return outcome(part, path, total: total, lines: lines)
    }

    private static func outcome(
        _ part: LinePart, _ path: ProjectPath, total: String, lines: Int
    ) -> ToolOutcome {
        var text = String(decoding: part.bytes, as: UTF8.self)
        var notes: [String] = []
        if part.isCut || part.first > 1 || part.last < lines {
            let last = part.lastShown
            var note = "lines \(part.first)-\(last) of \(total) of \(path.shown)"
            if part.isCut {
                note += ", cut at \(FileToolLimits.fileReadBytes) bytes"
                note += part.endsInLine ? " within line \(last)" : ""
                note += "; give start_line \(last + 1) to read on"
            }
            notes.append(note)
        }
        if !text.utf8.elementsEqual(part.bytes) {
            notes.append("bytes that are not UTF-8 are shown as \u{FFFD}")
        }
        if !notes.isEmpty {
            if !text.hasSuffix("\n") { text += "\n" }
            text += "[\(notes.joined(separator: "; "))]"
        }
        return ToolOutcome(text, isTruncated: part.isCut)
    }

    private static func binary(
        _ path: ProjectPath, _ size: Int64, _ bytes: [UInt8]
    ) -> FileRefusal {
        let start = bytes.prefix(16).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return FileRefusal(
            "\(path.shown) is not text (\(size) bytes; it begins with "
                + "\(start.joined(separator: " "))). Use bash_exec to look at it.")
    }

    // MARK: Folders

    static func list(
        _ path: ProjectPath, in confined: borrowing ConfinedFolder
    ) throws(FileRefusal) -> ToolOutcome {
        let folder = try confined.folder(path, followsLinks: true)
        let entries = try folder.entries(most: FileToolLimits.folderEntriesRead)
        guard entries.count > 0 else { return ToolOutcome("(\(path.shown) is an empty folder)") }
        var lines: [String] = []
        for index in 0..<min(entries.count, FileToolLimits.fileListEntries) {
            let (name, known) = entries[index]
            let shown = ShownName.of(name)
            switch known == .unknown ? folder.kind(of: name) : known {
            case .folder: lines.append("\(shown)/")
            case .link: lines.append("\(shown) (symbolic link)")
            case .file, .unknown:
                lines.append("\(shown) (\(folder.size(of: name) ?? 0) bytes)")
            case .other: lines.append("\(shown) (no regular file)")
            }
        }
        let rest = entries.count - lines.count
        if rest > 0 {
            let more = entries.isCut ? "at least \(rest)" : "\(rest)"
            lines.append("[\(more) more; use find_files with a glob]")
        }
        return ToolOutcome(lines.joined(separator: "\n"), isTruncated: rest > 0)
    }
}

/// The lines wanted of a file that comes in pieces.
private struct LinePart {
    let first: Int
    let last: Int
    private(set) var bytes: [UInt8] = []
    /// There was no room for all that was wanted.
    private(set) var isCut = false
    /// Line ends seen, and whether anything came behind the last one.
    private var ends = 0
    private var isInLine = false

    init(first: Int, last: Int) {
        self.first = first
        self.last = last
    }

    /// Lines seen.
    var lineCount: Int { ends + (isInLine ? 1 : 0) }

    /// What is shown ends inside a line.
    var endsInLine: Bool { isCut && bytes.last != UInt8(ascii: "\n") }

    /// The last line of which something is shown.
    var lastShown: Int {
        let whole = bytes.count { $0 == UInt8(ascii: "\n") }
        return max(first, first + whole - (bytes.last == UInt8(ascii: "\n") ? 1 : 0))
    }

    mutating func take(_ piece: [UInt8]) {
        var at = 0
        while at < piece.count {
            let end = ByteSearch.first(UInt8(ascii: "\n"), in: piece.span, at..<piece.count)
            let next = end.map { $0 + 1 } ?? piece.count
            if ends + 1 >= first, ends + 1 <= last { keep(piece[at..<next]) }
            isInLine = end == nil
            if end != nil { ends += 1 }
            at = next
        }
    }

    /// Keeps what there is room for: whole lines, or what fits of a single one.
    private mutating func keep(_ part: ArraySlice<UInt8>) {
        guard !isCut else { return }
        let room = FileToolLimits.fileReadBytes - bytes.count
        guard part.count > room else {
            bytes += part
            return
        }
        isCut = true
        if let end = bytes.lastIndex(of: UInt8(ascii: "\n")) {
            bytes.removeSubrange((end + 1)...)
            return
        }
        bytes += part.prefix(room)
        // Not within a character: at most three bytes of one may stand at the end.
        for _ in 0..<3 {
            guard let last = bytes.last, last >= 0x80 else { break }
            bytes.removeLast()
            if last >= 0xC0 { break }
        }
    }
}
