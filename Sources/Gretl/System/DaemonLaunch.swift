// Starts the daemon of a home folder in the background, at most one however many ask at once, and
// returns when it answers.
//
// `gr` calls it when no daemon answers, and `gr daemon start`. The callers line up at a lock file;
// who comes first starts the daemon, the others find it running. The daemon gets a session, a
// folder and standard streams of its own and nothing else of its caller, so that `$(gr url web)`
// ends. Everything here has a deadline.

import Glibc
import NetCore

/// One attempt to have a daemon running.
package struct DaemonLaunch: Sendable {
    /// What came of it.
    package enum Outcome: Sendable, Equatable {
        case started(pid: Int32)
        /// Somebody else had started it.
        case found
    }

    /// Why there is no daemon.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        package let message: String
        package let hint: String
        package var description: String { message }
    }

    private let home: String
    private let words: [String]
    private let environment: [String: String]
    private let deadline: Instant

    /// How long one start may take, waiting for others' included.
    package static let patience = Duration.seconds(15)
    /// How often a start is looked at that nobody tells about.
    private static let lookAgain: Int32 = 10

    /// `home` need not exist; `words` go to `gr serve`; of `environment` the daemon gets what it
    /// would pass on to services, its own switches, and where models are and their keys.
    package init(home: String, words: [String], environment: [String: String]) {
        self.home = home
        self.words = words
        self.environment = environment
        deadline = SystemTime.shared.now() + Self.patience
    }

    /// Returns once a daemon of the folder answers.
    package func run() throws(Failure) -> Outcome {
        let path: String
        do throws(FileError) {
            path = try HomeFolder.prepare(try HomeFolder.locate(option: home))
        } catch { throw Failure(message: error.description, hint: "see: gr help serve, --home") }
        let line = try StartLine(path, until: deadline)
        let outcome: Outcome = try settles(path) ? .found : start(path)
        withExtendedLifetime(line) {}
        return outcome
    }

    // MARK: Others

    /// Whether a daemon that has the folder answers; false once none has it.
    private func settles(_ path: String) throws(Failure) -> Bool {
        while let pid = DaemonLock.holder(path: "\(path)/\(HomeFolder.lockName)") {
            if answers(path) { return true }
            // It comes up just now, or finishes its last answers.
            guard SystemTime.shared.now() < deadline else {
                throw Failure(
                    message: "a daemon (pid \(pid)) has the folder \(path) and does not answer",
                    hint: "see its log, or end it: gr daemon stop")
            }
            pause()
        }
        return false
    }

    // MARK: Start

    private func start(_ path: String) throws(Failure) -> Outcome {
        let logPath = "\(path)/\(HomeFolder.logName)"
        let log: DaemonLog
        do throws(FileError) { log = try DaemonLog(logPath) } catch {
            throw Failure(message: error.description, hint: "the daemon writes its log there")
        }
        let daemon = try spawn(path, log.descriptor)
        var isOurs = true
        while true {
            if answers(path) { return isOurs ? .started(pid: daemon.pid) : .found }
            if isOurs, daemon.ends(within: Self.lookAgain) {
                // A daemon may have been started by hand in the same moment.
                guard DaemonLock.holder(path: "\(path)/\(HomeFolder.lockName)") != nil else {
                    throw Failure(
                        message: "the daemon did not start: "
                            + (log.lastWords() ?? "it ended and said nothing"),
                        hint: "what is wrong: gr doctor; its log: \(logPath)")
                }
                isOurs = false
            } else if !isOurs {
                pause()
            }
            guard SystemTime.shared.now() < deadline else {
                throw Failure(
                    message: "the daemon was started and does not answer yet",
                    hint: "its log: \(logPath)")
            }
        }
    }

    private func spawn(_ path: String, _ log: Int32) throws(Failure) -> ProcessHandle {
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { throw Failure(message: "/dev/null cannot be opened", hint: "") }
        defer { close(null) }
        let program = ProcessFacts.executable()
        var given = InheritedEnvironment.filter(environment)
        for (name, value) in environment
        where Self.isSwitch(name) || ModelSettings.variables.contains(name) {
            given[name] = value
        }
        do throws(SystemError) {
            return try DetachedProgram.start(
                program, arguments: ["gr", "serve", "--detached", "--home", path] + words,
                environment: given.map { "\($0.key)=\($0.value)" }.sorted(),
                descriptors: [null, log, log])
        } catch {
            throw Failure(message: "\(program) cannot be started: \(error)", hint: "is it there?")
        }
    }

    /// A variable of ours that is meant for a daemon and says nothing about this one caller. The
    /// token of clusters is one: who sets GR_TOKEN wants the daemon to ask for it.
    private static func isSwitch(_ name: String) -> Bool {
        name.hasPrefix("GR_") && name != "GR_AUTH_TOKEN" && name != "GR_HOME"
    }

    // MARK: Waiting

    /// Whether somebody answers at the socket of the folder, whatever is said.
    private func answers(_ path: String) -> Bool {
        var call = BlockingCall(host: "localhost", port: 0, method: "GET", target: "/health")
        call.socketPath = "\(path)/\(HomeFolder.socketName)"
        call.answerTimeout = .seconds(2)
        return (try? call.perform()) != nil
    }

    private func pause() { _ = poll(nil, 0, Self.lookAgain) }
}
