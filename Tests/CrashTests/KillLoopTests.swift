// kill -9 of the daemon at random points while four clients register, start, stop and remove:
// nothing acknowledged is lost, nothing invented, every program has its pid, every exit its code.
// GR_KILL_ROUNDS and GR_KILL_SEED change the run; a failing seed prints the whole round.

import Glibc
import NetCore
import TestSupport
import Testing

/// Everything here starts real daemons and takes time with them: one after the other.
@Suite(.serialized) enum CrashTests {}

extension CrashTests {
    @Suite struct KillLoopTests {
        @Test func `What was acknowledged survives a hundred kills at random points`() throws {
            let seed = Self.number("GR_KILL_SEED") ?? UInt64.random(in: 1...999_999)
            let rounds = Int(Self.number("GR_KILL_ROUNDS") ?? 100)
            print("kill loop: seed \(seed), \(rounds) rounds")
            let loop = KillLoop(seed: seed)
            defer { loop.daemon.end() }
            try loop.prepare()
            for round in 0..<rounds {
                let breaches = try loop.round(round)
                guard breaches.isEmpty else {
                    Issue.record(
                        """
                        seed \(seed), round \(round): \(breaches.joined(separator: "\n"))
                        \(loop.story)
                        """)
                    break
                }
            }
            print("kill loop: \(loop.summary)")
            #expect(loop.acknowledged >= rounds, "the clients hardly did anything")
        }

        private static func number(_ name: String) -> UInt64? {
            // The tests set no variable, so the text stays valid while it is copied.
            unsafe getenv(name).flatMap { unsafe UInt64(String(cString: $0)) }
        }
    }
}

/// The rounds of one run.
final class KillLoop {
    let daemon = CrashDaemon()
    private let clients: [KillClient]
    private let watcher = EventWatcher()
    private var random: SeededGenerator
    private var recoveries: [Double] = []
    private var delay = 0
    private let mayEnd = Flag()
    private var orderlyEnds = 0
    private var lostMonitors = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let (token, folder) = (daemon.token, daemon.folder.path)
        let mayEnd = mayEnd
        clients = (0..<4).map {
            KillClient($0, seed: seed, token: token, folder: folder, mayEnd: mayEnd)
        }
    }

    var acknowledged: Int { clients.reduce(0) { $0 + $1.acknowledged } }

    func prepare() throws {
        TemporaryFolder.write(ServerScript.text, to: daemon.folder.file(ServerScript.name))
        try daemon.start()
        try daemon.waitUntilUp()
    }

    /// Kills a monitor: its program goes on, whoever takes it over. One of a program that ends by
    /// itself is spared, since nobody could tell its exit code.
    private func loseMonitor() {
        let monitors = ProcessTable.monitors(runDirectory: daemon.runPath)
            .filter { !$0.service.contains(ProgramKind.exiter.rawValue) }
        guard !monitors.isEmpty else { return }
        let monitor = monitors[random.number(in: 0...monitors.count - 1)]
        _ = kill(monitor.pid, SIGKILL)
        lostMonitors += 1
    }

    /// Work, kill, start, check; the breaches, or nothing.
    func round(_ number: Int) throws -> [String] {
        if random.oneIn(4) { loseMonitor() }
        let port = daemon.port
        let watcher = watcher
        let workers =
            clients.map { client in Worker { client.work(port: port) } }
            + [Worker { watcher.watch(port: port) }]
        delay = random.number(in: 5...400)
        pause(milliseconds: delay)
        let killed = milliseconds()
        // One end in five is an orderly one: every request gets an answer or none, nothing else.
        let isOrderly = random.oneIn(5)
        var breaches: [String] = []
        if isOrderly {
            orderlyEnds += 1
            mayEnd.set()
            daemon.signal(SIGTERM)
            let ending = daemon.wait()
            if ending != 0 {
                breaches.append("SIGTERM ended it with \(ending.map { "\($0)" } ?? "-")")
            }
        } else {
            daemon.kill9()
        }
        let gone = milliseconds()
        for worker in workers { worker.join() }
        mayEnd.clear()
        if random.oneIn(4) { loseMonitor() }
        // Programs end meanwhile.
        pause(milliseconds: random.number(in: 0...60))
        let began = milliseconds()
        try daemon.start()
        try daemon.waitUntilUp()
        recoveries.append(milliseconds() - began + (isOrderly ? 0 : gone - killed))
        guard breaches.isEmpty else { return breaches }
        let complaints = clients.flatMap(\.complaints)
        guard complaints.isEmpty else { return complaints }
        return try settle()
    }

    /// A stop that was under way takes its grace, a server its time to be ready.
    private func settle() throws -> [String] {
        var last: [String] = []
        let isRight = try eventually {
            var check = try KillCheck(daemon)
            check.run(clients)
            last = check.breaches
            if last.isEmpty { check.adopt(into: clients) }
            return last.isEmpty
        }
        if isRight {
            last = watcher.breaches(port: daemon.port)
            guard last.isEmpty else { return last }
            watcher.accept()
        }
        return isRight ? [] : last
    }

    /// What happened in the last round.
    var story: String {
        let lines = clients.flatMap { client in client.history.suffix(60) }
        let files = ProcessTable.names(daemon.runPath).sorted().joined(separator: " ")
        let list = (try? daemon.call("GET", "/v1/services").text) ?? "no answer"
        return "killed after \(delay) ms\n" + lines.joined(separator: "\n") + "\nrun: \(files)\n"
            + "list: \(list)\nlog: \(daemon.errors.suffix(3_000))"
    }

    var summary: String {
        let sorted = recoveries.sorted()
        guard let most = sorted.last else { return "no round" }
        return
            "\(sorted.count) rounds (\(orderlyEnds) by SIGTERM), \(lostMonitors) monitors killed, "
            + "\(acknowledged) answers, "
            + "\(watcher.count) events seen, up again after "
            + "p50 \(Int(sorted[sorted.count / 2])) ms, max \(Int(most)) ms"
    }
}
