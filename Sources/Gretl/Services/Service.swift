// One registered service: the wish (spec), the life of its program (machine) and what is known of
// the incarnation that runs. Changed by ServiceRegistry and Supervisor only; everyone else reads.

package import NetCore

/// A service and what is known of it.
@ReactorActor
package final class Service {
    package internal(set) var spec: ServiceSpec
    /// The spec the running program was started with; what clients reach is this one.
    package internal(set) var live: ServiceSpec? {
        get { running?.spec }
        set { running = newValue.map(Running.init) }
    }
    /// Apart, since most services do not run, and a spec takes 180 bytes.
    private var running: Running?

    private final class Running {
        let spec: ServiceSpec
        init(_ spec: ServiceSpec) { self.spec = spec }
    }

    package internal(set) var machine = ServiceMachine()
    var link: MonitorLink?
    /// The link, while its monitor listens on the port for the program.
    var listensBy: MonitorLink?
    var orphan: OrphanedProgram?
    /// The process it was given as it ran.
    package internal(set) var adopted: AdoptedProgram?
    /// The adopted program that ended last did so by KILL.
    package internal(set) var isForced = false
    /// A monitor was started to take its program over, and has not said yet that it did.
    var isBeingAdopted = false
    /// Monitors that were killed in a row, before they told of a program or took it over.
    var monitorsLost = 0
    /// The grace of the last stop of its tree.
    var stopGrace: Duration?
    /// The id of the monitor that was lost: its socket's file is how a later daemon knows that
    /// there is a program to look for.
    var strayIncarnation: String?
    /// Where storage says it stands (or will, by the writes under way).
    var storedState: StoredEnd.State?
    package internal(set) var program: ProgramIdentity?
    /// Why the last start or watch failed, in words.
    package internal(set) var failure: String?
    /// What to do about it, when that is known.
    var advice: String?
    /// The last look of the ready check that failed.
    package internal(set) var lastProbe: String?
    /// Who else listens on its port, in words.
    package internal(set) var portNotice: String?
    var check: ReadyCheck?
    /// The pause before the next start, or the wait for its port.
    var wait: RestartWait?
    /// When it is tried again, in milliseconds since 1970.
    package internal(set) var nextTry: Int64?
    /// Starts nobody asked for since the last one somebody did.
    package internal(set) var restarts = 0
    /// Somebody started it without what it depends on: it is started again without that too.
    var startsAlone = false
    /// Who listened where its program is asked, before that was started.
    var listenersBefore: Set<UInt32> = []
    var spawnedAt: Instant?
    /// Where in its log the output of the program begins, as far as that is known.
    var outputStart: OutputStart?
    var readySince: Instant?
    /// How long the program that ended had been ready.
    var readyFor = Duration.zero
    /// The program ended shortly after its start.
    var endedSoon = false
    var starts: [StartWaiter] = []
    var stops: [CheckedContinuation<Void, Never>] = []
    /// Whether somebody listens on the port of a service that others run, and when that was seen.
    var listenerSeen: (isThere: Bool, at: Instant)?
    /// The last sample of the process tree.
    package internal(set) var usage: ProcessUsage?

    /// How often a stop was asked for: a start that was decided on before one must not happen
    /// after it.
    package internal(set) var stopsAsked = 0

    /// How far its removal has come.
    package internal(set) var removal = Removal.none

    package enum Removal {
        case none
        /// It is gone from storage and is forgotten once its tree is gone. Nothing starts it.
        case underWay
        /// Nobody finds it any more; who still holds it came too late.
        case done
    }

    init(_ spec: ServiceSpec) { self.spec = spec }

    package var name: String { spec.name }
    /// What clients reach: the running incarnation's spec, else the registered one.
    package var reachable: ServiceSpec { live ?? spec }
    /// A restart would make a difference: it runs with another spec, or waits for its next start.
    package var isBehind: Bool { machine.state == .backoff || live != spec }
    /// Throws for one that is to have no program any more.
    func checkIsKept() throws(APIError) {
        switch removal {
        case .none: return
        case .underWay: throw .daemonBusy("'\(name)' is being removed")
        case .done: throw .unknownService(name)
        }
    }

    /// Somebody else runs it.
    package var isExternal: Bool { spec.command == nil && machine.isIdle }
}
