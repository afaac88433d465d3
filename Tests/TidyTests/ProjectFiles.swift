// The files of the project as text, for tests that read them. Found from where this file was
// compiled, so that the tests work in every clone and from every working folder. Reads only what
// belongs to the project: no build folder, no repository data.

import FoundationEssentials
import TestSupport

/// One file of the project.
struct ProjectFile: Sendable {
    /// Relative to the project's root, with slashes.
    let path: String
    let text: String

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    var name: Substring { path.split(separator: "/").last ?? "" }
    /// The part of the name behind the last dot; empty when there is none.
    var kind: Substring { name.contains(".") ? name.split(separator: ".").last ?? "" : "" }
    /// The folder, with a slash at the end.
    var folder: Substring { path.dropLast(name.count) }
}

/// The project's files.
enum Project {
    /// Where the project is on this machine.
    static let root: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// Names at the top level, without what .gitignore keeps out.
    static func topLevel() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root).filter { !isIgnored($0) }.sorted()
    }

    /// One file; a missing one throws.
    static func file(_ path: String) throws -> ProjectFile {
        guard let text = TextFile.read("\(root)/\(path)") else { throw Missing(path: path) }
        return ProjectFile(path: path, text: text)
    }

    struct Missing: Error { let path: String }

    /// Whether a file or folder is there.
    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(root)/\(path)")
    }

    /// All files below `folders`, sorted by path.
    static func files(below folders: [String]) throws -> [ProjectFile] {
        var found: [ProjectFile] = []
        for folder in folders {
            let paths = try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)")
            for path in paths.sorted() where !path.split(separator: "/").contains(where: isIgnored)
            {
                let whole = "\(root)/\(folder)/\(path)"
                var isFolder = false
                guard FileManager.default.fileExists(atPath: whole, isDirectory: &isFolder),
                    !isFolder
                else { continue }
                found.append(try file("\(folder)/\(path)"))
            }
        }
        return found
    }

    /// Swift files of the program itself.
    static func swiftSources() throws -> [ProjectFile] {
        try files(below: ["Sources"]).filter { $0.kind == "swift" }
    }

    /// Everything a person wrote, texts included.
    static func everything() throws -> [ProjectFile] {
        let folders = try topLevel().filter { name in
            var isFolder = false
            let path = "\(root)/\(name)"
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
        }
        let single = try topLevel().filter { !folders.contains($0) }.map(file)
        return try single + files(below: folders)
    }

    /// What .gitignore keeps out, and the repository itself.
    private static func isIgnored(_ name: some StringProtocol) -> Bool {
        name == ".git" || name.hasPrefix(".build") || name == ".venv" || name == ".swiftpm"
            || name == "Package.resolved" || name == "__pycache__" || name.hasSuffix(".o")
    }
}
