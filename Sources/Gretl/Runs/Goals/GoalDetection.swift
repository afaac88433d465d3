// Which goal a folder means when nobody says: what `.retrai.yml` names, else the first sign of a
// test suite. Blocking calls: for the storage thread.

/// Looks at a folder.
enum GoalDetection {
    private static let bytesMost = 256 << 10

    /// The kind of goal of `folder` without its `.retrai.yml`; nil when nothing tells.
    static func find(in folder: String) -> GoalKind? {
        func has(_ name: String, _ kind: PathLook.Kind = .file) -> Bool {
            PathLook.kind(of: "\(folder)/\(name)") == kind
        }
        func text(_ name: String) -> String {
            let bytes = try? PrivateFile.read("\(folder)/\(name)", limit: bytesMost)
            return String(decoding: bytes ?? [], as: UTF8.self)
        }
        if has("pytest.ini") || has("conftest.py") || text("pyproject.toml").contains("pytest")
            || text("setup.cfg").contains("[tool:pytest]") || text("tox.ini").contains("[pytest]")
        {
            return .pytest
        }
        if has("Cargo.toml") { return .cargo }
        if has("go.mod") { return .go }
        if let package = try? JSONValue.object(Array(text("package.json").utf8)),
            let script = package["scripts"]?["test"]?.text, !script.contains("no test specified")
        {
            return .npm
        }
        for name in ["GNUmakefile", "makefile", "Makefile"] where has(name) {
            if text(name).split(separator: "\n").contains(where: { $0.hasPrefix("test:") }) {
                return .make
            }
        }
        // The weakest signs last: other languages have such folders too.
        if has("tests", .folder) || has("test", .folder) { return .pytest }
        return hasTestFiles(folder) ? .pytest : nil
    }

    /// Whether files lie there that pytest takes for tests by their names.
    private static func hasTestFiles(_ folder: String) -> Bool {
        guard let confined = try? ConfinedFolder(folder),
            let entries = try? confined.entries(most: FileToolLimits.folderEntriesRead)
        else { return false }
        return (0..<entries.count).contains { index in
            let name = entries[index].name
            return name.ends(with: ".py".utf8)
                && (name.starts(with: "test_".utf8) || name.ends(with: "_test.py".utf8))
        }
    }
}

extension Collection<UInt8> {
    fileprivate func ends(with end: some Collection<UInt8>) -> Bool {
        count >= end.count && suffix(end.count).elementsEqual(end)
    }
}
