// What goes wrong on request: the faults of a bad day, set by the control port of the fake.

import NetCore

/// Who may do what, and what fails.
@ReactorActor
final class Faults {
    /// Tokens and the users they mean.
    var tokens = ["good-token": "gretl"]
    /// What nobody may do, as "patch deployments" or "patch deployments/scale".
    var denied: Set<String> = []
    /// The next so many requests are answered with this status.
    var failures: (count: Int, status: Int, retryAfter: String?) = (0, 500, nil)
    /// Only requests of this method fail; "" is every one.
    var failingMethod = ""
    var latency = Duration.zero
    /// The next so many changes are done and their answer is lost.
    var lostAnswers = 0
    /// Each event is sent twice.
    var duplicatesEvents = false
    /// Each event leaves in pieces of one byte, each a chunk.
    var splitsEvents = false
    var bookmarkInterval = Duration.seconds(60)
    /// Before a workload is patched, this manager sets its replicas: somebody is quicker.
    var rival: (manager: String, replicas: Int, times: Int)?
    var podDelay = Duration.milliseconds(20)
    var readyDelay = Duration.milliseconds(100)
    var neverReady = false
    /// The address of pods that become ready: one of documentation, which nobody answers at, unless
    /// a measurement has a server somewhere.
    var podAddress = "192.0.2.1"
    /// Where connections to a port of a pod go on this machine.
    var ports: [UInt16: UInt16] = [:]

    init() {}
}

/// The bodies of refusals.
enum Refusal {
    static func status(
        _ code: Int, _ reason: String, _ message: String, details: JSON = [:]
    ) -> JSON {
        [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
            "message": JSON(message), "reason": JSON(reason), "details": details,
            "code": JSON(code),
        ]
    }

    static func details(_ kind: ObjectKind, _ name: String) -> JSON {
        ["name": JSON(name), "group": JSON(kind.group), "kind": JSON(kind.resource)]
    }
}

extension Wire {
    func refuse(_ code: Int, _ reason: String, _ message: String, details: JSON = [:]) {
        answer(code, Refusal.status(code, reason, message, details: details))
    }

    func refuseMissing(_ kind: ObjectKind, _ name: String) {
        refuse(
            404, "NotFound", "\(kind.qualified) \"\(name)\" not found",
            details: Refusal.details(kind, name))
    }
}
