// What the programs of runs find in their environment: an allow-list, so that no key of a model's
// service and no token of ours ever reaches what a model wrote.

import NetCore

/// Makes environments.
struct ProgramEnvironment: Sendable {
    /// The daemon's own.
    var daemon: [String: String]
    /// From config.toml: names, or `NAME=VALUE`.
    var additions: [String]

    private static let names: Set<String> = ["PATH", "HOME", "LANG", "TERM", "USER", "TMPDIR"]
    static let defaultPath = "/usr/local/bin:/usr/bin:/bin"

    var home: String { daemon["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/" }
    var path: String { daemon["PATH"] ?? ProgramEnvironment.defaultPath }

    /// `NAME=VALUE` for a program with `own` beside; `marks` come last and win.
    func words(
        isJailed: Bool, own: [String: String], marks: [String: String]
    ) -> [String] {
        var made = daemon.filter { name, _ in
            ProgramEnvironment.names.contains(name) || name.hasPrefix("LC_")
        }
        made["PATH"] = path
        made["HOME"] = home
        // A terminal that is none would have programs draw.
        made["TERM"] = "dumb"
        for entry in additions {
            guard let equals = entry.firstIndex(of: "=") else {
                if !RunSettings.isKey(entry), let value = daemon[entry] { made[entry] = value }
                continue
            }
            made[String(entry[..<equals])] = String(entry[entry.index(after: equals)...])
        }
        // The folder of the daemon's is not there.
        if isJailed { made["TMPDIR"] = "/tmp" }
        made.merge(own) { $1 }
        made.merge(marks) { $1 }
        return made.sorted { $0.key < $1.key }.filter { !($0.key + $0.value).utf8.contains(0) }
            .map { "\($0.key)=\($0.value)" }
    }
}
