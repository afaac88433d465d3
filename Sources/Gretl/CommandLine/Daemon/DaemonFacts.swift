// What can be said of the daemon without starting it: its process, its version, its places.

/// The daemon of a command, as it is now.
struct DaemonFacts {
    /// Nil when none runs, or it is only an address.
    let pid: Int32?
    /// Nil when nobody answers.
    let version: String?
    /// The URL of its first address; nil when it has left none.
    let url: String?
    let home: String?
    let isAnswering: Bool
    /// Why nobody answers.
    let failure: CommandFailure

    var socket: String { home.map { "\($0)/\(HomeFolder.socketName)" } ?? "" }
    var log: String? {
        home.map { "\($0)/\(HomeFolder.logName)" }.flatMap { path in
            Terminal.contents(of: path, most: 0) == nil ? nil : path
        }
    }

    init(_ context: CommandContext) throws(CommandFailure) {
        let place = try context.daemonPlace()
        home = place.isHome ? place.home?.path : nil
        pid = home.flatMap { DaemonLock.holder(path: "\($0)/\(HomeFolder.lockName)") }
        url = (try? place.address())?.url
        let client = try context.client()
        var found: CommandFailure?
        var health: HealthAnswer?
        do throws(CommandFailure) {
            let body = try client.call("GET", "/health", within: .seconds(5))
            health = try client.decode(HealthAnswer.self, body)
        } catch { found = error }
        // A daemon that refuses is one that runs.
        isAnswering = health != nil || found?.exit == .notAllowed && found?.body != nil
        version = health?.version
        failure =
            found ?? CommandFailure(exit: .unreachable, code: "daemon_unreachable", message: "")
    }

    var json: [UInt8] {
        var json = JSONText()
        json.beginObject()
        json.field("running", isAnswering)
        json.field("pid", pid.map { Int($0) })
        json.field("version", version)
        json.field("address", isAnswering ? url : nil)
        json.field("socket", home == nil ? nil : socket)
        json.field("home", home)
        json.field("log", log)
        json.endObject()
        return json.bytes
    }
}
