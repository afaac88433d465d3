// Where bubblewrap is, and whether it really works here: tried with the words of a true jail, since
// a kernel, a container or a rule of the distribution can forbid what it needs. Asked before a run
// is made; what was found out is kept for a while.

import NetCore

/// Knows whether jails can be built.
@ReactorActor
final class JailProbe {
    private let reactor: Reactor
    private var found: Result<String, APIError>?
    private var until: Instant

    /// How long an answer is believed.
    private static let workingFor = Duration.seconds(600)
    private static let brokenFor = Duration.seconds(10)
    /// Looked at before PATH: a project must not put its own in front.
    nonisolated private static let folders = ["/usr/bin", "/usr/local/bin", "/bin"]

    init(on reactor: Reactor) {
        self.reactor = reactor
        until = reactor.now
    }

    /// What is known, unless it is too old.
    var known: Result<String, APIError>? { reactor.now < until ? found : nil }

    func keep(_ result: Result<String, APIError>) {
        found = result
        if case .success = result {
            until = reactor.now + JailProbe.workingFor
        } else {
            until = reactor.now + JailProbe.brokenFor
        }
    }

    /// A jail could not be built after all.
    func forget() { until = reactor.now }

    /// Where it is. Blocking calls.
    nonisolated static func locate(_ path: String) -> String? {
        let further = path.split(separator: ":").prefix(256).map(String.init)
        for folder in folders + further where folder.hasPrefix("/") {
            let candidate = "\(folder)/bwrap"
            if ProcessFacts.isExecutable(candidate) { return candidate }
        }
        return nil
    }
}

extension APIError {
    static func sandboxUnavailable(_ reason: String) -> APIError {
        let said = reason.isEmpty ? "it does not start" : reason
        return APIError(
            .sandboxUnavailable, "programs of runs cannot be confined here: \(said)",
            hint: "install bubblewrap and see that it may make user namespaces, or say "
                + "sandbox = \"off\" to run everything with your own rights")
    }
}
