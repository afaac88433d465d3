// Paths as text: joining and shortening them without a look at the disk. For gr.toml, whose paths
// begin at its folder; what symbolic links do is found out where a path is used.

enum PathText {
    /// `path` as an absolute one: from `folder`, or from the user's own folder behind `~/`; `.`,
    /// `..` and empty parts are taken out.
    static func resolved(_ path: String, in folder: String, userHome: String?) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return normal(path) }
        if let userHome, path == "~" || path.hasPrefix("~/") {
            return normal(userHome + "/" + path.dropFirst(1))
        }
        return normal(folder + "/" + path)
    }

    static func joined(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    private static func normal(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") {
            switch part {
            case ".": continue
            case "..": _ = parts.popLast()
            default: parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// Whether an absolute `path` is `folder` or in it.
    static func contains(_ folder: String, _ path: String) -> Bool {
        path == folder || path.hasPrefix(folder == "/" ? folder : folder + "/")
    }
}
