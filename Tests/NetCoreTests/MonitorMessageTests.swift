// Messages of monitors as they are read: whole ones, those of older monitors, and what no monitor
// would say. monitor_protocol.h is the definition.

import Testing
import TestSupport

@testable import NetCore

/// The bytes of a message: fields are ended by a bar here, which is NUL on the wire.
private func read(_ text: String) -> MonitorMessage? {
    MonitorMessage(text.utf8.map { $0 == UInt8(ascii: "|") ? 0 : $0 })
}

@Suite struct MonitorMessageTests {
    private static let exit = ProgramExit(
        code: 3, signal: nil, requested: false, forced: true, endedAt: 17)

    @Test(arguments: [
        ("X3|0|0|1|17|", .exited(exit)),
        ("X3|0|0|1|17|a newer field|", .exited(exit)),
        ("X-1|0|1|0|17|", MonitorMessage.exited(ending(-1, nil, requested: true))),
        ("X|15|1|0|17|", .exited(ending(nil, 15, requested: true))),
        ("X|0|1|0|17|", .exitedUnknown(requested: true, forced: false, endedAt: 17)),
        ("P70|80|90|", .spawned(program, output: nil)),
        ("P70|80|90|0|0|", .spawned(program, output: nil)),
        ("P70|80|90|5|-1|", .spawned(program, output: nil)),
        ("P70|80|90|5|12|", .spawned(program, output: OutputStart(inode: 5, offset: 12))),
        ("Fexec|2|", .failed(step: "exec", code: 2)),
        ("E", .empty), ("D7001|", .held(port: 7_001)), ("N", .connection), ("G", .pong),
    ])
    func isUnderstood(text: String, message: MonitorMessage) {
        #expect(read(text) == message)
    }

    private static let program = ProgramIdentity(pid: 70, startTime: 80, startedAt: 90)

    private static func ending(
        _ code: Int32?, _ signal: Int32?, requested: Bool
    ) -> ProgramExit {
        ProgramExit(code: code, signal: signal, requested: requested, forced: false, endedAt: 17)
    }

    @Test(arguments: [
        "", "?", "x3|0|0|0|17|", "X", "X3", "X3|0|0|0|17", "X3|0|0|0||", "X3|0|0|0|x|",
        "Xx|0|0|0|17|", "X3000000000|0|0|0|17|", "X3|0|0|0|9223372036854775808|", "X-|0|0|0|17|",
        "P1|80|90|", "P-70|80|90|", "P70|-80|90|", "P70|80|90", "P70|80|", "P4294967366|80|90|",
        "F", "Fexec|", "Fexec|x|", "D|", "D65536|", "D-1|", "H2|id|web|70|asleep|70|80|90|0|0|",
        "H2|id|web|70|running|70|80|90|0|",
    ])
    func isNoMessage(text: String) {
        #expect(read(text) == nil)
    }

    @Test func aGreetingHasTheWholeState() throws {
        let message = read("H2|ab|web|69|exited|70|80|90|1|1|3|0|0|1|17|7001|1|1|0|pol|")
        guard case .greeting(let greeting) = message else {
            Issue.record("no greeting")
            return
        }
        #expect(
            greeting
                == MonitorGreeting(
                    id: "ab", name: "web", monitorPid: 69, state: .exited,
                    program: ProgramIdentity(pid: 70, startTime: 80, startedAt: 90),
                    isReady: true, isStopping: true, exit: Self.exit, version: 2, heldPort: 7_001,
                    isArmed: true, isAdopted: true, hasTerminal: false, letters: "pol"))
    }

    @Test(arguments: [
        "H1|ab|web|69|running|70|80|90|1|0|||||", "H|ab|web|69|running|70|80|90|1|0|",
    ])
    func anOlderMonitorSaysLess(text: String) throws {
        guard case .greeting(let greeting) = read(text) else {
            Issue.record("no greeting")
            return
        }
        #expect(greeting.version == 1 && greeting.letters == "po" && greeting.exit == nil)
        #expect(greeting.heldPort == nil && !greeting.isArmed && !greeting.isAdopted)
        #expect(greeting.program?.pid == 70 && greeting.isReady && !greeting.isStopping)
    }

    @Test func nothingAMonitorSaysTraps() {
        var random = SeededGenerator(seed: 12)
        let pieces = Array("XPFHDENGQ0123456789-- ab\u{0}\u{0}\u{0}\u{0}".utf8) + [0xFF, 0x80]
        for _ in 0..<20_000 {
            let bytes = (0..<random.number(in: 0...60)).map { _ in random.pick(pieces) }
            _ = MonitorMessage(bytes)
        }
        for byte in UInt8.min...UInt8.max { _ = MonitorMessage([byte]) }
    }
}
