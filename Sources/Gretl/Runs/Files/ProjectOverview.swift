// What a model is told of a project before its first step: two levels of its tree, and the
// beginnings of the files that say how it is built. Bounded whatever the folder holds, and read
// under the same confinement as by the file tools. Blocking calls: on the background thread.

/// The overview of a run's folder.
package enum ProjectOverview {
    private static let described = [
        "pyproject.toml", "package.json", "Cargo.toml", "go.mod", ".retrai.yml", "Makefile",
    ]

    /// The overview as text; what cannot be read is left out, or said.
    package static func read(_ folder: String) -> String {
        do throws(FileRefusal) {
            let confined = try ConfinedFolder(folder)
            let root = try ProjectPath(".", in: folder)
            var tree = OverviewTree()
            try tree.add(root, in: confined)
            var text = "Files of the project (two levels):\n" + tree.text
            for name in described {
                let path = try ProjectPath(name, in: folder)
                // One that is missing, a folder, or leads elsewhere is not shown.
                guard let part = try? beginning(of: path, in: confined), !part.isEmpty else {
                    continue
                }
                text += "\n\n--- \(name) ---\n" + part
            }
            return text
        } catch {
            return "The project folder cannot be shown. \(error.message)"
        }
    }

    /// The first lines of a file, without those that are no text.
    private static func beginning(
        of path: ProjectPath, in confined: borrowing ConfinedFolder
    ) throws(FileRefusal) -> String {
        let most = FileToolLimits.overviewFileBytes
        let linesMost = FileToolLimits.overviewFileLines
        let bytes = try confined.file(path).next(most: most + 1)
        guard !bytes.contains(0) else { return "" }
        let lines = bytes.prefix(most).split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let isCut = bytes.count > most || lines.count > linesMost + 1
        var text = String(
            decoding: Array(lines.prefix(linesMost).joined(separator: [UInt8(ascii: "\n")])),
            as: UTF8.self)
        while text.hasSuffix("\n") { text.removeLast() }
        return isCut ? text + "\n[cut here]" : text
    }
}

/// The tree under construction.
private struct OverviewTree {
    private var lines: [String] = []

    var text: String { lines.isEmpty ? "(it is empty)" : lines.joined(separator: "\n") }

    /// The folder itself, and what is in its folders while there is room for the rest of it.
    mutating func add(
        _ path: ProjectPath, in confined: borrowing ConfinedFolder
    ) throws(FileRefusal) {
        let most = FileToolLimits.overviewEntries
        let folder = try confined.folder(path, followsLinks: false)
        let entries = try folder.entries(most: FileToolLimits.folderEntriesRead)
        let shown = min(entries.count, most)
        for index in 0..<shown {
            guard let inner = line(of: entries[index], in: folder, indent: "") else { continue }
            // One that must not be looked into stays a name.
            try? addInner(
                ProjectPath(entry: inner, of: path.bytes), in: confined,
                room: most - lines.count - (shown - index - 1))
        }
        if entries.count > shown { lines.append("[\(entries.count - shown) more]") }
    }

    private mutating func addInner(
        _ path: ProjectPath, in confined: borrowing ConfinedFolder, room: Int
    ) throws(FileRefusal) {
        guard room > 0 else { return }
        let folder = try confined.folder(path, followsLinks: false)
        let entries = try folder.entries(most: FileToolLimits.folderEntriesRead)
        let shown = min(entries.count, FileToolLimits.overviewFolderEntries, room)
        for index in 0..<shown { _ = line(of: entries[index], in: folder, indent: "  ") }
        if entries.count > shown { lines.append("  [\(entries.count - shown) more]") }
    }

    /// Adds the line of an entry; returns the name of a folder to look into.
    private mutating func line(
        of entry: (name: ArraySlice<UInt8>, kind: FolderEntries.Kind),
        in folder: borrowing OpenFolder, indent: String
    ) -> ArraySlice<UInt8>? {
        let shown = ShownName.of(entry.name)
        switch entry.kind == .unknown ? folder.kind(of: entry.name) : entry.kind {
        case .folder:
            let isSkipped = SkippedFolders.contains(entry.name)
            lines.append("\(indent)\(shown)/\(isSkipped ? " (not shown)" : "")")
            return isSkipped ? nil : entry.name
        case .link: lines.append("\(indent)\(shown) (symbolic link)")
        case .file, .unknown, .other: lines.append("\(indent)\(shown)")
        }
        return nil
    }
}
