// grep_search and find_files: a walk through the run's folder that collects lines or paths, and the
// words about it. Blocking calls: on the background thread.

/// One search.
///
/// `@unchecked`: each job of the background thread ends before the next one is queued, so that one
/// at a time touches it; `stop` touches only an atomic flag.
final class FileSearch: @unchecked Sendable {
    /// What is looked for, and its text as it was given.
    enum Wanted {
        case lines(LineMatcher, Glob?, String)
        case paths(Glob, String)
    }

    private let flag = StopFlag()
    private let findings: SearchFindings
    private let walk: TreeWalk

    init(_ wanted: Wanted, in confined: consuming ConfinedFolder) {
        findings = SearchFindings(wanted)
        walk = TreeWalk(confined, findings, flag)
    }

    /// Ends it soon; callable from every thread.
    func stop() { flag.set() }

    /// Goes on for some milliseconds; false when it is over.
    func advance() -> Bool { walk.advance() }

    /// What it found.
    func outcome() -> ToolOutcome { findings.outcome(cut: walk.cut) }
}

/// What a search found so far.
private final class SearchFindings: TreeVisitor {
    private var wanted: FileSearch.Wanted
    private var lines: [String] = []
    private var filesRead = 0
    private var filesTooLarge = 0
    private var filesRefused = 0
    private var isFull = false
    private var isExhausted = false
    let enters: Set<[UInt8]>

    init(_ wanted: FileSearch.Wanted) {
        self.wanted = wanted
        switch wanted {
        case .lines(_, let glob, _): enters = glob?.parts ?? []
        case .paths(let glob, _): enters = glob.parts
        }
    }

    func visit(
        _ path: [UInt8], _ name: ArraySlice<UInt8>, in folder: borrowing OpenFolder
    ) -> Bool {
        switch wanted {
        case .paths(var glob, let text):
            let isMatch = glob.matches(path: path, name: name)
            wanted = .paths(glob, text)
            guard isMatch else { return true }
            guard lines.count < FileToolLimits.findHits else {
                isFull = true
                return false
            }
            lines.append(ShownName.of(path))
            return true
        case .lines(var matcher, var glob, let text):
            let isWanted = glob?.matches(path: path, name: name) ?? true
            defer { wanted = .lines(matcher, glob, text) }
            guard isWanted else { return true }
            return search(path, name, in: folder, &matcher)
        }
    }

    /// Looks into one file; false when there is no room for more.
    private func search(
        _ path: [UInt8], _ name: ArraySlice<UInt8>, in folder: borrowing OpenFolder,
        _ matcher: inout LineMatcher
    ) -> Bool {
        let most = FileToolLimits.grepFileBytes
        let shown = ShownName.of(path)
        let bytes: [UInt8]
        do throws(FileRefusal) {
            let file = try folder.file(name, shown: shown)
            guard file.size <= Int64(most) else {
                filesTooLarge += 1
                return true
            }
            bytes = try file.contents(most: most)
        } catch {
            filesRefused += 1
            return true
        }
        guard !bytes.prefix(8_192).contains(0) else { return true }
        filesRead += 1
        var number = 1
        var counted = 0
        var at = 0
        while let line = matcher.matchingLine(in: bytes, from: at) {
            guard lines.count < FileToolLimits.grepHits else {
                isFull = true
                return false
            }
            while let end = ByteSearch.first(0x0A, in: bytes.span, counted..<line.lowerBound) {
                number += 1
                counted = end + 1
            }
            counted = line.lowerBound
            lines.append("\(shown):\(number): \(Self.shown(bytes[line]))")
            let end = ByteSearch.first(0x0A, in: bytes.span, line.upperBound..<bytes.count)
            at = end.map { $0 + 1 } ?? bytes.count
        }
        isExhausted = matcher.isExhausted
        return !isExhausted
    }

    /// A line as far as it is shown, in one line.
    private static func shown(_ line: ArraySlice<UInt8>) -> String {
        let most = FileToolLimits.grepLineCharacters
        let text = String(decoding: line.prefix(most * 4 + 4), as: UTF8.self)
        let isLong = line.count > most * 4 + 4 || text.unicodeScalars.count > most
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(most) {
            // What moves a cursor, or the direction of text, is no part of a line's content.
            let isKept = scalar == "\t" || !ShownName.isHarmful(scalar)
            result.append(isKept ? scalar : "\u{FFFD}")
        }
        return String(result) + (isLong ? " …" : "")
    }

    func outcome(cut: String?) -> ToolOutcome {
        var notes: [String] = []
        if isFull { notes.append("only the first \(lines.count) are shown: search more narrowly") }
        if isExhausted { notes.append("the pattern takes too long: use a simpler one") }
        if let cut { notes.append(cut) }
        if filesTooLarge > 0 {
            let size = FileToolLimits.grepFileBytes
            notes.append("\(filesTooLarge) files larger than \(size) bytes were skipped")
        }
        if filesRefused > 0 { notes.append("\(filesRefused) files could not be read") }
        let isTruncated = isFull || isExhausted || cut != nil
        var text = lines.joined(separator: "\n")
        if lines.isEmpty {
            switch wanted {
            case .lines(_, _, let pattern):
                text = "No line matches \(quoted(pattern)) in \(filesRead) text files."
            case .paths(_, let pattern): text = "No file matches \(quoted(pattern))."
            }
        }
        if !notes.isEmpty { text += "\n[\(notes.joined(separator: "; "))]" }
        return ToolOutcome(text, isTruncated: isTruncated)
    }

    private func quoted(_ pattern: String) -> String {
        let shown = ShownName.of(String(pattern.prefix(100)).utf8)
        return shown.hasPrefix("\"") ? shown : "\"\(shown)\""
    }
}
