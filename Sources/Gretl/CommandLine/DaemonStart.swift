// The daemon that a command starts because none runs, and the remark about one of another version.

internal import NetCore

/// Starts the daemon in the background.
enum DaemonStart {
    /// Returns once the daemon of the folder answers: its pid, or nil when it ran already.
    static func run(
        home: String, words: [String], environment: [String: String]
    ) throws(CommandFailure) -> Int32? {
        let launch = DaemonLaunch(home: home, words: words, environment: environment)
        do throws(DaemonLaunch.Failure) {
            switch try launch.run() {
            case .started(let pid): return pid
            case .found: return nil
            }
        } catch {
            throw CommandFailure(
                exit: .unreachable, code: "daemon_not_started", message: error.message,
                hint: error.hint)
        }
    }
}

/// Says once that the daemon is of another version than this gr.
final class VersionNotice: Sendable {
    private let isSaid = Lock(false)
    private let restart: String
    private let say: @Sendable (String) -> Void

    init(of place: DaemonPlace, _ say: @escaping @Sendable (String) -> Void) {
        restart = place.restart
        self.say = say
    }

    /// `server` is what the daemon's answer says of itself: `gr/0.1.0`.
    func note(_ server: String) {
        guard server.hasPrefix("gr/"), server != "gr/\(Version.text)" else { return }
        let isNew = isSaid.withLock { isSaid in
            defer { isSaid = true }
            return !isSaid
        }
        guard isNew else { return }
        say(
            "the daemon has version \(server.dropFirst(3)), this gr \(Version.text); "
                + "start it anew: \(restart)")
    }
}
