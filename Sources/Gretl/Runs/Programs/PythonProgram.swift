// Which Python a project is tested with: its own virtual environment first, then that of uv, then
// the machine's. Blocking calls: for the storage thread.

/// Finds interpreters.
enum PythonProgram {
    /// The first words of a command that runs Python for the project in `folder`.
    static func find(in folder: String, path: String) -> [String] {
        for name in [".venv", "venv"] {
            let candidate = "\(folder)/\(name)/bin/python"
            if ProcessFacts.isExecutable(candidate) { return [candidate] }
        }
        if PathLook.kind(of: "\(folder)/uv.lock") == .file, isThere("uv", path) {
            return ["uv", "run", "--no-sync", "python"]
        }
        return isThere("python3", path) || !isThere("python", path) ? ["python3"] : ["python"]
    }

    private static func isThere(_ name: String, _ path: String) -> Bool {
        path.split(separator: ":").prefix(256).contains { folder in
            folder.hasPrefix("/") && ProcessFacts.isExecutable("\(folder)/\(name)")
        }
    }
}
