// What the kill loop believes of each service: only what a daemon acknowledged, and what was asked
// and not answered. The check compares it with what the next daemon says and what the kernel says.

/// The programs of the kill loop.
enum ProgramKind: String, CaseIterable {
    /// Runs until it is stopped.
    case sleeper
    /// Ends by itself with a code of its own.
    case exiter
    /// Leaves a grandchild in a session of its own.
    case forker
    /// Does not hear TERM.
    case stubborn
    /// Answers HTTP on a port, with a ready URL.
    case server
}

/// A request and what became of it.
enum KillOperation: Equatable {
    case register(version: Int)
    case start
    case stop
    case remove
}

/// One service as its client knows it.
struct ModelService {
    let name: String
    let kind: ProgramKind
    let port: UInt16?
    /// How long an exiter lives.
    let lifetime: Int
    /// The last acknowledged spec; nil when none is registered.
    var version: Int?
    /// The spec and pid of the acknowledged start that runs; nil when none does.
    var running: (version: Int, pid: Int)?
    /// Asked for and not answered when the daemon was killed.
    var unanswered: KillOperation?

    static func exitCode(_ version: Int) -> Int { 1 + version % 97 }

    func command(version: Int) -> String {
        switch kind {
        case .sleeper: "exec sleep 1000"
        case .exiter:
            "sleep 0.\(String(1_000 + lifetime).dropFirst()); exit \(Self.exitCode(version))"
        case .forker:
            "(env -u GR_MAIN setsid sleep 1000 & ); exec sleep 1000"
        case .stubborn: "trap '' TERM; exec sleep 1000"
        case .server: "exec /usr/bin/python3 -S -E ../\(ServerScript.name) \(port ?? 0)"
        }
    }

    func body(version: Int, token: String, folder: String) -> String {
        CrashDaemon.spec(
            name, command(version: version).replacing("../", with: folder + "/"), token: token,
            port: port.map { Int($0) },
            ready: port.map { "http://127.0.0.1:\($0)/" }, group: "@v\(version)")
    }
}

/// A small HTTP server: up in about 20 ms, where http.server takes 150.
enum ServerScript {
    static let name = "server.py"
    static let text = """
        import socket, sys
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(sys.argv[1])))
        listener.listen(64)
        while True:
            peer = listener.accept()[0]
            try:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n"
                             b"Connection: close\\r\\n\\r\\nok")
            except OSError:
                pass
            peer.close()
        """
}
