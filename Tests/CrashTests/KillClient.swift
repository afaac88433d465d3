// One of the four clients of the kill loop: registers, starts, stops and removes its own services
// until the daemon is gone, and writes down what was acknowledged.

import NetCore
import TestSupport

/// `@unchecked`: used by its own thread while that runs, by the test before and after it.
final class KillClient: @unchecked Sendable {
    private(set) var services: [ModelService]
    private var random: SeededGenerator
    private var nextVersion = 1
    private let token: String
    private let folder: String
    /// What was asked and answered in this round.
    private(set) var history: [String] = []
    /// Answers that no correct daemon gives.
    private(set) var complaints: [String] = []
    private(set) var acknowledged = 0
    private var began = 0.0
    /// The daemon was told to end.
    let mayEnd: Flag

    init(_ index: Int, seed: UInt64, token: String, folder: String, mayEnd: Flag) {
        self.mayEnd = mayEnd
        random = SeededGenerator(seed: seed &* 31 &+ UInt64(index))
        self.token = token
        self.folder = folder
        let kinds: [ProgramKind] = [.sleeper, .exiter, .exiter, .forker, .stubborn]
        services = kinds.enumerated().map { number, kind in
            ModelService(
                name: "c\(index)-\(kind.rawValue)\(number)", kind: kind, port: nil,
                lifetime: 20 + Int(seed % 7) * 30 + number * 70)
        }
        if index < 2 {
            services.append(
                ModelService(
                    name: "c\(index)-server", kind: .server, port: CrashDaemon.freePort(),
                    lifetime: 0))
        }
    }

    /// What the check found out: from here on this is what is known.
    func adopt(_ index: Int, version: Int?, running: (version: Int, pid: Int)?) {
        services[index].version = version
        services[index].running = running
        services[index].unanswered = nil
    }

    /// Works until a request gets no answer.
    func work(port: UInt16) {
        history = []
        began = milliseconds()
        for _ in 0..<10_000 {
            let index = random.number(in: 0...services.count - 1)
            guard step(index, port) else { return }
        }
    }

    private func step(_ index: Int, _ port: UInt16) -> Bool {
        let service = services[index]
        guard service.version != nil else { return register(index, port) }
        let choice = random.number(in: 0...9)
        switch choice {
        case 0...1: return register(index, port)
        case 2: return remove(index, port)
        default: return service.running == nil ? start(index, port) : stop(index, port)
        }
    }

    /// Nil when the daemon did not answer.
    private func ask(
        _ index: Int, _ operation: KillOperation, _ port: UInt16, _ method: String,
        _ target: String, _ body: String? = nil
    ) -> APIAnswer? {
        services[index].unanswered = operation
        let name = services[index].name
        let start = milliseconds() - began
        let answer = try? CrashDaemon.call(port: port, method, target, body)
        let end = milliseconds() - began
        let words = answer.map { "\($0.status) \($0.text.prefix(160))" } ?? "no answer"
        history.append("\(Int(start))-\(Int(end)) ms \(name) \(operation): \(words)")
        if let answer, answer.status < 500 || answer.status == 502 {
            services[index].unanswered = nil
            acknowledged += 1
            return answer
        }
        // In an orderly end 503 is the answer; what was asked may still have happened.
        if let answer, !(mayEnd.isSet && answer.status == 503) {
            complain(index, operation, answer)
        }
        return nil
    }

    private func complain(_ index: Int, _ operation: KillOperation, _ answer: APIAnswer) {
        complaints.append("\(services[index].name) \(operation): \(answer.status) \(answer.text)")
    }

    private func register(_ index: Int, _ port: UInt16) -> Bool {
        let version = nextVersion
        nextVersion += 1
        let service = services[index]
        let body = service.body(version: version, token: token, folder: folder)
        let operation = KillOperation.register(version: version)
        guard let answer = ask(index, operation, port, "POST", "/v1/services", body) else {
            return false
        }
        guard answer.status == 200 || answer.status == 201 else {
            complain(index, operation, answer)
            return true
        }
        services[index].version = version
        return true
    }

    private func start(_ index: Int, _ port: UInt16) -> Bool {
        let service = services[index]
        // Without a port only the spawn is waited for: a round is shorter than the moment after
        // which such a start is answered.
        let query = service.kind == .server ? "" : "?timeout=0"
        let target = "/v1/services/\(service.name)/start\(query)"
        guard let answer = ask(index, .start, port, "POST", target) else { return false }
        guard answer.status == 200, let version = service.version,
            let pid = answer.json["pid"].integer
        else {
            complain(index, .start, answer)
            return true
        }
        services[index].running = (version, pid)
        return true
    }

    private func stop(_ index: Int, _ port: UInt16) -> Bool {
        let target = "/v1/services/\(services[index].name)/stop?grace=60"
        guard let answer = ask(index, .stop, port, "POST", target) else { return false }
        if answer.status == 200, answer.json["status"].text != "running" {
            services[index].running = nil
        } else {
            complain(index, .stop, answer)
        }
        return true
    }

    private func remove(_ index: Int, _ port: UInt16) -> Bool {
        let target = "/v1/services/\(services[index].name)?grace=60"
        guard let answer = ask(index, .remove, port, "DELETE", target) else { return false }
        if answer.status == 200 {
            services[index].version = nil
            services[index].running = nil
        } else {
            complain(index, .remove, answer)
        }
        return true
    }
}
