// What is told of the end of a program: once, whoever of those who know of it dies as well, with
// the last words in the log, and in an order that a client can go by.

import Glibc
import TestSupport
import Testing

@Suite struct DeathEventTests {
    private func isEnd(_ frame: EventFrame) -> Bool {
        frame.type == "service.crashed" || frame.type == "service.stopped"
    }

    /// Starts `name`; the pids of its program and of the monitor above it.
    private func start(
        _ name: String, _ fixture: ServiceFixture
    ) throws -> (program: Int32, monitor: Int32) {
        try fixture.register(
            name, command: "echo last words; exec sleep 300", more: #""restart":"never""#)
        try fixture.start(name)
        let pid = Int32(try #require(try fixture.service(name)["pid"].integer))
        let monitor = try #require(ProcessTable.parents()[pid])
        try #require(monitor != fixture.daemon.pid)
        return (pid, monitor)
    }

    enum Death: CaseIterable {
        case alone, withItsMonitor, behindItsMonitor, stopped
    }

    @Test(arguments: Death.allCases)
    func oneDeathIsOneEvent(death: Death) throws {
        let fixture = try ServiceFixture()
        let listener = try EventListener(fixture.daemon, "?stats=0")
        for round in 0..<3 {
            let name = "victim\(round)"
            let pids = try start(name, fixture)
            switch death {
            case .alone: kill(pids.program, SIGKILL)
            case .withItsMonitor:
                kill(pids.program, SIGKILL)
                kill(pids.monitor, SIGKILL)
            case .behindItsMonitor:
                kill(pids.monitor, SIGKILL)
                kill(pids.program, SIGKILL)
            case .stopped: try fixture.stop(name)
            }
            // Until all that is going to be said has been said: the tree is empty, the exit stored.
            let isOver = try eventually(within: 20_000) {
                let status = try fixture.service(name)["status"].text
                return status == "stopped" || status == "failed"
            }
            #expect(isOver)
        }
        try fixture.register("behind", command: "exec sleep 300")
        #expect(listener.waits(for: "service.registered", "behind"))
        let ends = listener.events.filter(isEnd)
        #expect(ends.compactMap(\.name) == ["victim0", "victim1", "victim2"], "\(ends)")
        #expect(listener.ids == Array(1...listener.ids.count))
        if death == .alone { #expect(ends.allSatisfy { $0.json["signal"].text == "SIGKILL" }) }
        if death == .stopped { #expect(ends.allSatisfy { $0.type == "service.stopped" }) }
    }

    @Test func whoHearsOfADeathFindsItsLastWords() throws {
        let fixture = try ServiceFixture()
        let listener = try EventListener(fixture.daemon, "?stats=0&types=service.crashed")
        for round in 0..<10 {
            let name = "victim\(round)"
            try fixture.register(
                name, command: "echo begun; sleep 0.05; printf 'last words'; exit 9",
                more: #""restart":"never""#)
            try fixture.start(name)
            #expect(listener.waits(for: "service.crashed", name))
            let logs = try fixture.daemon.ask("GET", "/v1/services/\(name)/logs")
            #expect(logs.text.contains("last words"), "\(logs.text)")
        }
    }

    @Test func aRestartIsToldBehindTheDeath() throws {
        let fixture = try ServiceFixture()
        let listener = try EventListener(fixture.daemon, "?stats=0")
        try fixture.register(
            "again", command: "exec sleep 300", more: #""restart":"always""#)
        try fixture.start("again")
        for round in 1...3 {
            let pid = Int32(try #require(try fixture.service("again")["pid"].integer))
            kill(pid, SIGKILL)
            #expect(
                listener.wait { listener in
                    listener.events.count { $0.type == "service.started" } == round + 1
                })
        }
        let types = listener.events.map(\.type)
        let life = ["service.crashed", "service.started"]
        #expect(types == ["service.registered", "service.started"] + life + life + life)
    }
}
