// The daemon's end of a monitor, turn by turn, with the test in the monitor's place: what is said
// when, and how much is heard in a turn. That is what the time from a death to its event rests on.

import CEpoll
import Glibc
import Testing

@testable import NetCore

/// Keeps what was heard.
@ReactorActor
private final class Hearer: MonitorLinkDelegate {
    var heard: [MonitorMessage] = []
    var isLost = false
    var answer: (MonitorLink) -> Void = { _ in }

    func monitor(_ link: MonitorLink, said message: MonitorMessage) {
        heard.append(message)
        answer(link)
    }

    func monitorLost(_ link: MonitorLink) { isLost = true }
}

/// A link, and the socket of the monitor at its other end.
@ReactorActor
private final class Pair {
    let loop: Loop
    let link: MonitorLink
    let hearer = Hearer()
    let monitor: Int32

    init(_ loop: Loop) throws {
        self.loop = loop
        var pair: [Int32] = [-1, -1]
        // Room for the two that are written.
        try #require(unsafe cepoll_socketpair(Int32(SOCK_SEQPACKET.rawValue), &pair) == 0)
        monitor = pair[1]
        // The least there is: a handful of messages.
        var bytes: Int32 = 1
        _ = unsafe setsockopt(
            pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        link = try MonitorLink(
            pair[0], id: "0123456789abcdef", children: ChildProcesses(), on: loop.reactor)
        link.delegate = hearer
    }

    /// Says something in the monitor's place.
    func say(_ type: Character, _ fields: [String] = []) {
        let bytes = MonitorMessage.encode(type.asciiValue ?? 0, fields)
        // The array lives for the call.
        #expect(unsafe cepoll_send_message(monitor, bytes, bytes.count, nil, 0) == bytes.count)
    }

    /// The types of what the monitor got since the last time.
    func got() -> String {
        var types = ""
        var bytes = [UInt8](repeating: 0, count: 256)
        var descriptors = [Int32](repeating: -1, count: 4)
        while true {
            var count = Int32(descriptors.count)
            // Both arrays live for the call, which takes their true sizes.
            let moved = unsafe cepoll_receive_message(
                monitor, &bytes, bytes.count, &descriptors, &count)
            guard moved > 0 else { return types }
            for descriptor in descriptors.prefix(Int(count)) { close(descriptor) }
            types.append(Character(UnicodeScalar(bytes[0])))
        }
    }

    func end() {
        link.close()
        close(monitor)
    }
}

private func paired(
    _ body: @escaping @Sendable @ReactorActor (Pair) throws -> Void
) async throws {
    try await looped { loop in
        let pair = try Pair(loop)
        defer { pair.end() }
        try body(pair)
    }
}

@Suite struct MonitorLinkTests {
    @Test func whatIsSaidInATurnGoesOutBehindTheEventsOfTheTurn() async throws {
        try await paired { pair in
            var before = "?"
            let events = Callback { _ in before = pair.got() }
            pair.hearer.answer = { link in
                pair.loop.reactor.flushAtEndOfTurn(events)
                link.stop(grace: .seconds(5))
                link.markReady()
            }
            pair.say("X", ["", "9", "0", "0", "1"])
            pair.loop.turn()
            #expect(before == "")
            #expect(pair.got() == "SQY")
        }
    }

    @Test func anExitIsHeardAloneAndWhatFollowsInTheNextTurn() async throws {
        try await paired { pair in
            let exit = ProgramExit(
                code: nil, signal: 9, requested: false, forced: false, endedAt: 1)
            pair.say("P", ["70", "80", "90"])
            pair.say("X", ["", "9", "0", "0", "1"])
            pair.say("E")
            pair.loop.turn()
            #expect(pair.hearer.heard.count == 2 && pair.hearer.heard.last == .exited(exit))
            pair.loop.turn()
            #expect(pair.hearer.heard.count == 3 && pair.hearer.heard.last == .empty)
        }
    }

    @Test func aLinkThatIsClosedHasSaidWhatItHadToSay() async throws {
        try await paired { pair in
            pair.link.markReady()
            pair.link.collected()
            pair.link.close()
            #expect(pair.got() == "YC")
            pair.loop.turn()
            #expect(!pair.hearer.isLost)
        }
    }

    @Test func aLentDescriptorComesBehindWhatWasSaidBeforeAndCanBeClosedAtOnce() async throws {
        try await paired { pair in
            let lent = try makeEvent()
            pair.link.markReady()
            pair.link.attach(lent)
            close(lent)
            pair.link.resize(TerminalSize(rows: 1, columns: 2))
            pair.loop.turn()
            #expect(pair.got() == "YTZ")
        }
    }

    @Test func aMonitorThatDoesNotReadGetsEverythingOnceItDoes() async throws {
        try await paired { pair in
            for _ in 0..<20 {
                pair.link.markReady()
                pair.link.arm()
            }
            pair.loop.turn()
            var got = pair.got()
            // The socket took a part: the rest waits here.
            #expect(!got.isEmpty && got.count < 40)
            for _ in 0..<40 where got.count < 40 {
                pair.loop.turn()
                got += pair.got()
            }
            #expect(got == String(repeating: "YA", count: 20))
            #expect(pair.link.isOpen)
        }
    }

    @Test func aMonitorThatNeverReadsIsGivenUp() async throws {
        try await paired { pair in
            var count = 0
            while pair.link.isOpen, count < 10_000 {
                pair.link.markReady()
                count += 1
            }
            // What the socket takes comes on top.
            #expect(count > Limits.messagesUnsent)
            #expect(!pair.link.isOpen && pair.hearer.isLost)
        }
    }

    @Test func ofManySizesInARowTheLastIsSent() async throws {
        try await paired { pair in
            for rows in 1...1_000 as ClosedRange<UInt16> {
                pair.link.resize(TerminalSize(rows: rows, columns: 80))
            }
            pair.link.markReady()
            pair.link.resize(TerminalSize(rows: 7, columns: 80))
            pair.loop.turn()
            #expect(pair.link.isOpen)
            #expect(pair.got() == "ZYZ")
        }
    }

    @Test func aMonitorThatIsGoneIsNoticedAtTheEndOfTheTurn() async throws {
        try await paired { pair in
            _ = cepoll_shutdown(pair.monitor, 1)
            pair.link.markReady()
            pair.loop.turn()
            #expect(!pair.link.isOpen && pair.hearer.isLost)
        }
    }
}
