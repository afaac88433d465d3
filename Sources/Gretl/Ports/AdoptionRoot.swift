// Which process is adopted for a listener: the one whose end ends the job it belongs to (npm, not
// the node below it), and never a shell, an editor, a desktop or a test runner that happens to have
// started it. Pure but for two look-ups given from outside; tests give tables.

/// The rule of adoption.
struct AdoptionRoot {
    let uid: UInt32
    /// The daemon's.
    let daemon: Int32
    let read: (Int32) -> ProcessEntry?
    let children: (Int32) -> [Int32]
    let firstWord: (Int32) -> String

    /// Steps up from the listener at most.
    private static let climbMost = 32

    /// The topmost process that is only there for `listener`.
    func root(of listener: ProcessEntry) -> ProcessEntry {
        var root = listener
        for _ in 0..<AdoptionRoot.climbMost {
            guard let parent = read(root.parent), isWrapper(parent, of: root) else { return root }
            root = parent
        }
        return root
    }

    /// Whether `parent` is part of the same job: of the same user, session and process group (an
    /// interactive shell gives every job one of its own), without children but this one, and no
    /// place where a user works.
    private func isWrapper(_ parent: ProcessEntry, of child: ProcessEntry) -> Bool {
        guard parent.pid > 1, parent.pid != daemon, parent.uid == uid,
            parent.session == child.session, parent.group == child.group,
            // The pid could be that of a later process.
            parent.identity.startTime <= child.identity.startTime,
            !AdoptionRoot.isProtected(parent), !isLogin(parent)
        else { return false }
        return children(parent.pid).allSatisfy { $0 == child.pid || read($0) == nil }
    }

    /// A session that belongs to a terminal, or a shell started as a login shell.
    private func isLogin(_ entry: ProcessEntry) -> Bool {
        if entry.pid == entry.session, entry.hasTerminal { return true }
        return firstWord(entry.pid).hasPrefix("-")
    }

    /// Whether the process may be adopted at all.
    func isAdoptable(_ entry: ProcessEntry) -> Bool {
        entry.pid > 1 && entry.pid != daemon && entry.uid == uid
            && !AdoptionRoot.isProtected(entry) && !firstWord(entry.pid).hasPrefix("-")
    }

    /// What manages processes of others: it goes on, whatever it listens on.
    static func isProtected(_ entry: ProcessEntry) -> Bool {
        entry.isDaemon || protected.contains(entry.program)
    }

    private static let protected: Set<String> = [
        "systemd", "init", "gr-monitor", "sshd", "login", "tmux: server", "screen", "Xorg",
        "Xwayland", "gnome-shell", "gnome-session-b", "plasmashell", "kwin_wayland",
        "xfce4-session", "sway", "containerd", "dockerd", "docker-proxy", "rootlesskit",
    ]
}
