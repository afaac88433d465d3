// The API's answers as the commands read them. Fields that an older or newer daemon leaves out are
// nil, so that a list can always be shown; nothing here is sent back.

/// A service as GET /v1/services gives it.
struct ServiceAnswer: Decodable, Sendable {
    let name: String
    let status: String
    let port: Int?
    let group: String?
    let pid: Int?
    let url: String?
    let startedAt: String?
    let cpu: Double?
    let rssMB: Double?
    let cmd: String?
    let cwd: String?
    let ready: String?
    let dependsOn: [String]?
    let restart: String?
    let env: [String]?
    let exitCode: Int?
    let signal: String?
    let stopReason: String?
    let endedAt: String?
    let lastProbe: String?
    let logFile: String?
    let restarts: Int?
    let nextTryAt: String?
    let pendingChange: Bool?
    let start: String?
    let autostart: Bool?
    let root: String?
    let warnings: [String]?

    /// How it is started, when that is not by hand alone.
    var startModeShown: String? {
        let words = [start == "on-demand" ? "on demand" : nil, autostart == true ? "at boot" : nil]
            .compactMap { $0 }
        return words.isEmpty ? nil : words.joined(separator: ", ")
    }

    /// How the last run ended; nil before there was one.
    var lastExit: String? {
        let ending = signal ?? exitCode.map { "exit code \($0)" }
        let words = [ending, stopReason == "killed by \(signal ?? "")" ? nil : stopReason]
            .compactMap { $0 }
        // The reason often says the same as the number beside it.
        return words.isEmpty
            ? nil : words[0] == words.last ? words[0] : words.joined(separator: ", ")
    }
}

struct ServiceListAnswer: Decodable, Sendable {
    let services: [ServiceAnswer]
}

struct HealthAnswer: Decodable, Sendable {
    let status: String
    let version: String?
}

struct ResolutionAnswer: Decodable, Sendable {
    let url: String?
}

/// The answers of start and stop.
struct ChangeAnswer: Decodable, Sendable {
    let status: String?
    let pid: Int?
    let exitCode: Int?
    let signal: String?
    let forced: Bool?
    let warnings: [String]?
}

/// The answer of a start or stop of many services.
struct ManyAnswer: Decodable, Sendable {
    struct Result: Decodable, Sendable {
        let name: String
        let outcome: String
        let code: String?
        let message: String?
        let pid: Int?
    }

    let results: [Result]
    let warnings: [String]?
}

/// The same when some of it failed.
struct ManyFailure: Decodable, Sendable {
    let details: ManyAnswer
}
