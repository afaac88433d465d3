// Signals by name, as the API and the events spell them. Numbers are those of Linux on every
// architecture this is built for.

/// Signals by name.
package enum SignalName {
    private static let names = [
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT",
        7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2",
        13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 28: "SIGWINCH",
        31: "SIGSYS",
    ]

    /// `SIGKILL` for 9; `SIG35` for one without a name.
    package static func text(_ number: Int32) -> String { names[Int(number)] ?? "SIG\(number)" }

    /// Those a stop may begin with: a program can handle each of them.
    package static let stopping = [
        "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGWINCH",
    ]

    /// 15 for `SIGTERM`; nil for a name that is none.
    package static func number(_ text: String) -> Int32? {
        names.first { $0.value == text }.map { Int32($0.key) }
    }
}
