// What happens to services, as values: the types and fields of the contract's event table and the
// few of ours. Published by whoever made it happen (registry, supervisor, port holder, groups);
// numbered, kept and sent by EventHub. Nothing here may hold a value of a variable or a token.

package import NetCore

/// One event of the stream `GET /v1/events`.
package enum Event: Equatable, Sendable {
    /// A service was registered or updated.
    case serviceRegistered(name: String, port: Int?, group: String?)
    case serviceUnregistered(name: String)
    /// The program is up and its ready check passed.
    case serviceStarted(name: String, pid: Int32, url: String?)
    /// A stop was asked for, the exit code was 0, or SIGTERM ended it. Without an exit code the end
    /// was not seen, and `reason` says why: "unknown", "reboot".
    case serviceStopped(name: String, exitCode: Int32?, reason: String?)
    /// It ended otherwise. A signal is 128 + n in `exitCode` and named in `signal`.
    case serviceCrashed(name: String, exitCode: Int32, signal: String?)
    /// It failed so often in a row that it is not started again.
    case serviceGaveUp(name: String, failures: Int)
    /// `claimedBy` and `holder` are services, or "pid N (program)" for a foreign process.
    case portConflict(port: Int, claimedBy: String, holder: String)
    case groupStarted(name: String, services: [String])
    /// Some of a group did not come up.
    case groupFailed(name: String, failed: [String])
    case groupStopped(name: String, services: [String])
    /// All workloads of a cluster were listed; so many came and went since the list before.
    case clusterSynced(id: String, name: String, synced: Int, added: Int, removed: Int)
    case workloadChanged(WorkloadFacts)
    /// `cause` is "request" or "auto-sleep".
    case workloadSlept(WorkloadFacts, cause: String)
    case workloadWoken(WorkloadFacts)
    case workloadRemoved(WorkloadFacts)
    /// Somebody else changed what only we write; `manager` is who, if that shows.
    case workloadDrift(WorkloadFacts, what: String, manager: String?)
    case tetherOpened(TetherFacts)
    case tetherClosed(TetherFacts)
    /// A connection of it came to nothing, or broke.
    case tetherFailed(TetherFacts, reason: String)

    /// The word of the `event:` field.
    package var type: String {
        switch self {
        case .serviceRegistered: "service.registered"
        case .serviceUnregistered: "service.unregistered"
        case .serviceStarted: "service.started"
        case .serviceStopped: "service.stopped"
        case .serviceCrashed: "service.crashed"
        case .serviceGaveUp: "service.gave_up"
        case .portConflict: "port.conflict"
        case .groupStarted: "group.started"
        case .groupFailed: "group.failed"
        case .groupStopped: "group.stopped"
        case .clusterSynced: "cluster.synced"
        case .workloadChanged: "workload.changed"
        case .workloadSlept: "workload.slept"
        case .workloadWoken: "workload.woken"
        case .workloadRemoved: "workload.removed"
        case .workloadDrift: "workload.drift"
        case .tetherOpened: "tether.opened"
        case .tetherClosed: "tether.closed"
        case .tetherFailed: "tether.failed"
        }
    }

    /// The service it is about, nil for those about a port or a group.
    package var service: String? {
        switch self {
        case .serviceRegistered(let name, _, _), .serviceUnregistered(let name),
            .serviceStarted(let name, _, _), .serviceStopped(let name, _, _),
            .serviceCrashed(let name, _, _), .serviceGaveUp(let name, _):
            name
        case .portConflict, .groupStarted, .groupFailed, .groupStopped, .clusterSynced,
            .workloadChanged, .workloadSlept, .workloadWoken, .workloadRemoved, .workloadDrift,
            .tetherOpened, .tetherClosed, .tetherFailed:
            nil
        }
    }

    /// Writes the object of the `data:` field.
    package func write(into json: inout JSONText) {
        json.beginObject()
        switch self {
        case .serviceRegistered(let name, let port, let group):
            json.field("name", name)
            json.field("port", port)
            json.field("group", group)
        case .serviceUnregistered(let name): json.field("name", name)
        case .serviceStarted(let name, let pid, let url):
            json.field("name", name)
            json.field("pid", pid)
            json.field("url", url)
        case .serviceStopped(let name, let exitCode, let reason):
            json.field("name", name)
            json.field("exitCode", exitCode)
            if let reason { json.field("reason", reason) }
        case .serviceCrashed(let name, let exitCode, let signal):
            json.field("name", name)
            json.field("exitCode", exitCode)
            json.field("signal", signal)
        case .serviceGaveUp(let name, let failures):
            json.field("name", name)
            json.field("failures", failures)
        case .portConflict(let port, let claimedBy, let holder):
            json.field("port", port)
            json.field("claimedBy", claimedBy)
            json.field("holder", holder)
        case .groupStarted(let name, let services), .groupStopped(let name, let services):
            json.field("name", name)
            json.field("services", Array(services.prefix(EventLimits.listedNames)))
        case .groupFailed(let name, let failed):
            json.field("name", name)
            json.field("failed", Array(failed.prefix(EventLimits.listedNames)))
        case .clusterSynced(let id, let name, let synced, let added, let removed):
            json.field("id", id)
            json.field("name", name)
            json.field("synced", synced)
            json.field("added", added)
            json.field("removed", removed)
        case .workloadChanged(let facts), .workloadWoken(let facts), .workloadRemoved(let facts):
            facts.write(into: &json)
        case .workloadSlept(let facts, let cause):
            facts.write(into: &json)
            json.field("cause", cause)
        case .workloadDrift(let facts, let what, let manager):
            facts.write(into: &json)
            json.field("what", what)
            json.field("manager", manager)
        case .tetherOpened(let facts), .tetherClosed(let facts): facts.write(into: &json)
        case .tetherFailed(let facts, let reason):
            facts.write(into: &json)
            json.field("reason", reason)
        }
        json.endObject()
    }
}

/// Where events go. The hub keeps and sends them; tests collect them.
@ReactorActor
package protocol EventSink: AnyObject {
    /// Numbers, keeps and sends one event. Never blocks, never fails towards the caller.
    func publish(_ event: Event)
}
