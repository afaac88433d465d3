// The API's answers as the commands read them. Fields that an older or newer daemon leaves out are
// nil, so that a list can always be shown; nothing here is sent back.

/// A service as GET /v1/services gives it.
struct ServiceView: Decodable, Sendable {
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
    let lastProbe: LooseValue?
    let logFile: String?
    let warnings: [LooseValue]?

    /// How the last run ended; nil before there was one.
    var lastExit: String? {
        var words: [String] = []
        if let exitCode { words.append("exit code \(exitCode)") }
        if let signal { words.append(signal) }
        if let stopReason { words.append(stopReason) }
        return words.isEmpty ? nil : words.joined(separator: ", ")
    }
}

struct ServiceList: Decodable, Sendable {
    let services: [ServiceView]
}

struct HealthView: Decodable, Sendable {
    let status: String
    let version: String?
}

struct ResolutionView: Decodable, Sendable {
    let url: String?
    let status: String?
}

/// The answers of start, stop and DELETE.
struct ChangeView: Decodable, Sendable {
    let status: String?
    let pid: Int?
    let exitCode: Int?
    let signal: String?
    let forced: Bool?
    let warnings: [LooseValue]?
}

/// A value whose shape the client does not rely on, as words.
enum LooseValue: Decodable, Sendable {
    case text(String)
    case members([(name: String, value: LooseValue)])
    case none

    init(from decoder: any Decoder) throws {
        if let single = try? decoder.singleValueContainer() {
            if single.decodeNil() {
                self = .none
                return
            }
            if let text = try? single.decode(String.self) {
                self = .text(text)
                return
            }
            if let number = try? single.decode(Int.self) {
                self = .text("\(number)")
                return
            }
            if let number = try? single.decode(Double.self) {
                self = .text("\(number)")
                return
            }
            if let flag = try? single.decode(Bool.self) {
                self = .text(flag ? "yes" : "no")
                return
            }
            // One level is enough for a line of words; what is deeper is left out.
            if let members = try? single.decode([String: Leaf].self) {
                self = .members(
                    members.sorted { $0.key < $1.key }.compactMap { key, leaf in
                        leaf.text.map { (name: key, value: .text($0)) }
                    })
                return
            }
        }
        self = .none
    }

    private struct Leaf: Decodable {
        let text: String?
        init(from decoder: any Decoder) throws {
            let single = try decoder.singleValueContainer()
            if let text = try? single.decode(String.self) {
                self.text = text
            } else if let number = try? single.decode(Int.self) {
                text = "\(number)"
            } else if let flag = try? single.decode(Bool.self) {
                text = flag ? "yes" : "no"
            } else {
                text = nil
            }
        }
    }

    /// As one line; nil when there is nothing to say.
    var words: String? {
        switch self {
        case .none: nil
        case .text(let text): text
        case .members(let members):
            members.isEmpty
                ? nil
                : members.map { "\($0.name) \($0.value.words ?? "-")" }.joined(separator: ", ")
        }
    }
}
