// The systemd unit of the user that runs the daemon. Text only; InstallCommand brings it to its
// place.
//
// KillMode=process: a restart of the daemon must not end the services. Nothing in it restricts the
// daemon, because services inherit whatever does.

/// A unit for `systemctl --user`.
struct UserUnit {
    static let name = "gr.service"

    /// The program, absolute.
    let program: String
    /// Given when it is not the default folder.
    let home: String?
    /// Where services find their tools; a user manager's own is short.
    let searchPath: String?

    var text: String {
        let words = ["serve"] + (home.map { ["--home", $0] } ?? [])
        let line = ([program] + words).map { Self.quoted($0, isCommand: true) }
        let path = searchPath.map { "Environment=\(Self.quoted("PATH=\($0)", isCommand: false))\n" }
        return """
            [Unit]
            Description=gr, the daemon that names, starts and watches services

            [Service]
            ExecStart=\(line.joined(separator: " "))
            # Services go on when the daemon ends, and the next start takes them back.
            KillMode=process
            Restart=on-failure
            RestartSec=1
            \(path ?? "")# No sandboxing here: services would inherit it.

            [Install]
            WantedBy=default.target

            """
    }

    /// As systemd reads it back: specifiers and, in a command, variables are meant literally.
    private static func quoted(_ word: String, isCommand: Bool) -> String {
        var text = ""
        for character in word.unicodeScalars {
            switch character {
            case "\\", "\"": text += "\\\(character)"
            case "%": text += "%%"
            case "$" where isCommand: text += "$$"
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(character)
            }
        }
        let isPlain =
            text == word && !word.isEmpty
            && !word.unicodeScalars.contains { $0 == " " || $0 == "'" || $0 == ";" || $0 == "\t" }
        return isPlain ? text : "\"\(text)\""
    }
}
