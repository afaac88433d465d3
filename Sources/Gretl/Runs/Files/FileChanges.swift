// file_write, file_patch, file_insert, file_delete and file_rename: each does one change, as a
// whole or not at all, and says what it did. Blocking calls: on the background thread.

/// Changes files.
enum FileChanges {
    private static let most = FileToolLimits.fileWriteBytes

    static func write(
        _ path: ProjectPath, in confined: borrowing ConfinedFolder, _ bytes: [UInt8]
    ) throws(FileRefusal) -> ToolOutcome {
        guard bytes.count <= most else {
            throw FileRefusal("The content is too large: \(bytes.count) bytes, at most \(most).")
        }
        let place = try ConfinedPlace(path, in: confined, makesFolders: true)
        if place.size == Int64(bytes.count), let old = try? place.contents(most: most),
            old == bytes
        {
            return ToolOutcome("\(path.shown) has this content already.")
        }
        try place.write(bytes)
        let before = place.size.map { "was \($0)" } ?? "new file"
        return done("Wrote \(path.shown) (\(bytes.count) bytes, \(before))", place)
    }

    static func patch(
        _ path: ProjectPath, in confined: borrowing ConfinedFolder, old: String, new: String,
        occurrence: Int
    ) throws(FileRefusal) -> ToolOutcome {
        let place = try ConfinedPlace(path, in: confined, makesFolders: false)
        let result = try TextEdit.patch(
            try place.contents(most: most), old: Array(old.utf8), new: Array(new.utf8),
            occurrence: occurrence, shown: path.shown)
        try place.write(result.bytes)
        let count = "\(old.unicodeScalars.count) chars"
        let with = "replaced with \(new.unicodeScalars.count)"
        var text = "Patched \(path.shown) at line \(result.lines.first ?? 1) (\(count) \(with))"
        if result.places > 1 {
            let more = result.places > result.lines.count ? " and more" : ""
            text =
                "Patched \(path.shown) at \(result.places) places, lines "
                + "\(TextEdit.list(result.lines))\(more) (\(count) each \(with))"
        }
        if result.keptReturns { text += "; its CR LF line ends were kept" }
        return done(text, place)
    }

    static func insert(
        _ path: ProjectPath, in confined: borrowing ConfinedFolder, before line: Int,
        _ content: [UInt8]
    ) throws(FileRefusal) -> ToolOutcome {
        let place = try ConfinedPlace(path, in: confined, makesFolders: false)
        let result = try TextEdit.insert(
            try place.contents(most: most), content: content, before: line, shown: path.shown)
        try place.write(result.bytes)
        let lines = result.count == 1 ? "1 line" : "\(result.count) lines"
        return done("Inserted \(lines) into \(path.shown) at line \(result.line)", place)
    }

    static func delete(
        _ path: ProjectPath, in confined: borrowing ConfinedFolder
    ) throws(FileRefusal) -> ToolOutcome {
        let place = try ConfinedPlace(path, in: confined, makesFolders: false)
        try place.remove()
        return ToolOutcome("Deleted \(path.shown)", mayHaveChanged: true)
    }

    static func rename(
        _ path: ProjectPath, to newPath: ProjectPath, in confined: borrowing ConfinedFolder
    ) throws(FileRefusal) -> ToolOutcome {
        let place = try ConfinedPlace(path, in: confined, makesFolders: false)
        guard place.exists else {
            throw FileRefusal("There is no \(path.shown). Use find_files to look for it.")
        }
        let newPlace = try ConfinedPlace(newPath, in: confined, makesFolders: true)
        try place.move(to: newPlace)
        return ToolOutcome(
            "Renamed \(path.shown) to \(newPath.shown)", mayHaveChanged: true)
    }

    private static func done(_ text: String, _ place: borrowing ConfinedPlace) -> ToolOutcome {
        let links = "; it had other names (hard links), which keep the old content"
        return ToolOutcome(text + (place.hasOtherNames ? links : ""), mayHaveChanged: true)
    }
}
