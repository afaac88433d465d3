// The doors of one daemon, in the order in which they are tried: the socket in its home folder,
// then the address it left there. An address that somebody gave is the only door.
//
// DaemonClient asks it. It looks again at every question, because a daemon that is started on the
// way leaves a socket and an address that were not there before.

/// Where a command finds the daemon.
struct DaemonPlace: Sendable {
    let home: DaemonAddress.Home?
    /// --address or GRETL_DAEMON.
    private let given: DaemonAddress?
    /// Somebody said which daemon: it need not be that of the home folder, or of this machine.
    var isAddressed: Bool { given != nil }

    init(
        option: String?, home: DaemonAddress.Home?, environment: [String: String]
    ) throws(CommandFailure) {
        self.home = home
        given = try DaemonAddress.given(option: option, environment: environment)
    }

    /// Whether it is the daemon of the home folder, wherever that listens.
    var isHome: Bool { given == nil && home != nil }

    /// How this daemon is started anew: `gr daemon` is about that of the home folder only.
    var restart: String {
        (isAddressed ? "where it runs: " : "") + "gr daemon stop && gr daemon start"
    }

    /// The path of the socket; nil when an address was given.
    var socket: String? {
        given == nil ? home.map { "\($0.path)/\(HomeFolder.socketName)" } : nil
    }

    /// The address to try when there is no socket. Throws `daemon_unreachable` when there is none.
    func address() throws(CommandFailure) -> DaemonAddress {
        if let given { return given }
        guard let home else { return .standard }
        return try DaemonAddress.find(home)
    }

    /// The address as far as it is known, for output.
    var shown: DaemonAddress { (try? address()) ?? .standard }

    /// Whether a daemon was here and is gone: what has its address by now is somebody else.
    var isDeserted: Bool {
        guard isHome, let home else { return false }
        return DaemonLock.isAbandoned(path: "\(home.path)/\(HomeFolder.lockName)")
    }
}
