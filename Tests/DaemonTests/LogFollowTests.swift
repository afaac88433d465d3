// Following logs over the API: lines as they are written, over rotations, restarts and slow
// readers.

import Glibc
import TestSupport
import Testing

@Suite struct LogFollowTests {
    let fixture: ServiceFixture
    let daemon: DaemonProcess

    init() throws {
        fixture = try ServiceFixture()
        daemon = fixture.daemon
        try fixture.register("web", command: "exec sleep 60")
    }

    /// What the program would write.
    private func writer(_ name: String = "web") -> LogWriter {
        LogWriter(daemon.file("logs/\(name).log"))
    }

    private static let follow = "/v1/services/web/logs?follow=1"

    /// Watches of files the daemon holds.
    private func watches() -> Int {
        let folder = "/proc/\(daemon.pid)/fdinfo"
        return ProcessTable.folderNames(folder).reduce(0) { sum, name in
            let text = TextFile.read("\(folder)/\(name)") ?? ""
            return sum + text.split(separator: "\n").count { $0.hasPrefix("inotify wd:") }
        }
    }

    @Test func newestLinesComeFirstAndThenWhatIsWritten() throws {
        let writer = writer()
        writer.write("one\ntwo\nthree\n")
        let listener = try LogListener(daemon, Self.follow + "&lines=2")
        #expect(listener.isOK)
        #expect(listener.head.contains("Content-Type: text/event-stream"))
        #expect(listener.wait { $0.texts == ["two", "three"] })
        writer.write("four\n")
        #expect(listener.wait { $0.texts == ["two", "three", "four"] })
        let last = try #require(listener.lines.last)
        #expect(last.json["name"].text == "web")
        #expect(last.json["time"].text?.hasPrefix("20") == true)
        #expect(Set(listener.lines.compactMap(\.id)).count == 3)
    }

    @Test func anEmptyIdIsNone() throws {
        writer().write("one\ntwo\n")
        let listener = try LogListener(daemon, Self.follow, lastID: "")
        #expect(listener.wait { $0.texts == ["one", "two"] })
        #expect(listener.gaps.isEmpty)
    }

    @Test func aProgramsOutputIsFollowedFromBeforeItsStart() throws {
        try fixture.register("late", command: "echo begun; exec sleep 60")
        let listener = try LogListener(daemon, "/v1/services/late/logs?follow=1")
        try fixture.start("late")
        #expect(listener.wait { $0.texts == ["begun"] })
    }

    @Test func nobodyFollowsNothingIsWatched() throws {
        #expect(watches() == 0)
        let listener = try LogListener(daemon, Self.follow)
        #expect(eventually { watches() == 1 })
        writer().write("a\n")
        #expect(listener.wait { $0.texts == ["a"] })
        #expect(eventually { watches() == 1 })
        listener.wire.close()
        #expect(eventually { watches() == 0 })
    }

    @Test func aFastWriterOverTwentyRotationsLosesAndDoublesNothing() throws {
        let writer = writer()
        let listener = try LogListener(daemon, Self.follow)
        var count = 0
        for rotation in 0..<22 {
            for _ in 0..<40 {
                let block = (count..<count + 50).map { "line \($0)\n" }.joined()
                writer.write(block)
                count += 50
            }
            // Further behind than files are kept it would have to be told of a gap.
            try #require(
                listener.wait { $0.lines.count >= count - 4_000 },
                "\(rotation): \(listener.lines.count) of \(count), \(listener.gaps)")
            writer.rotate()
        }
        #expect(listener.wait { $0.lines.count >= count })
        #expect(listener.gaps.isEmpty)
        #expect(listener.texts == (0..<count).map { "line \($0)" })
    }

    @Test func aLineThatIsNotEndedComesAfterAMoment() throws {
        let writer = writer()
        let listener = try LogListener(daemon, Self.follow)
        writer.write("Password: ")
        #expect(listener.wait { $0.texts == ["Password: "] })
        #expect(listener.lines.first?.json["partial"] == .bool(true))
        writer.write("ok\nnext\n")
        #expect(listener.wait { $0.texts == ["Password: ", "ok", "next"] })
        #expect(listener.lines.last?.json["partial"] == .missing)
    }

    @Test func controlBytesAreHarmlessAndALongLineComesInPieces() throws {
        let writer = writer()
        let listener = try LogListener(daemon, Self.follow)
        writer.write([0x61, 0x1B, 0x5B, 0x32, 0x4A, 0xFF, 0x00, 0x0A])
        #expect(listener.wait { $0.texts == ["a\\x1b[2J\\xff\\x00"] })
        writer.write("event: fake\ndata: x\n")
        #expect(listener.wait { $0.lines.count == 3 })
        #expect(Array(listener.texts.suffix(2)) == ["event: fake", "data: x"])
        let long = String(repeating: "0123456789", count: 100_000)
        writer.write(long + "\nend\n")
        #expect(listener.wait { $0.texts.last == "end" })
        let pieces = listener.lines.dropFirst(3).dropLast()
        #expect(pieces.map(\.text).joined() == long)
        #expect(pieces.dropLast().allSatisfy { $0.json["partial"] == .bool(true) })
    }

    @Test func anIDGoesOnAfterRotationsAndARestartOfTheDaemon() throws {
        let writer = writer()
        writer.write("a\nb\nc\n")
        let first = try LogListener(daemon, Self.follow)
        #expect(first.wait { $0.lines.count == 3 })
        let id = try #require(first.lines[1].id)
        #expect(daemon.stop() == 0)
        #expect(first.wait { $0.isOver } || first.isOver)
        writer.write("d\n")
        writer.rotate()
        writer.write("e\n")
        writer.rotate()
        try daemon.restart()
        let second = try LogListener(daemon, Self.follow, lastID: id)
        #expect(second.wait { $0.lines.count >= 3 })
        writer.write("f\n")
        #expect(second.wait { $0.texts == ["c", "d", "e", "f"] })
        #expect(second.gaps.isEmpty)
        let third = try LogListener(daemon, Self.follow + "&after=\(id)")
        #expect(third.wait { $0.texts == ["c", "d", "e", "f"] })
    }

    @Test func anIDThatIsNoneIsSaidAndTheNewestLinesCome() throws {
        writer().write("a\nb\n")
        let listener = try LogListener(daemon, Self.follow + "&lines=1", lastID: "12")
        #expect(listener.wait { $0.texts == ["b"] })
        #expect(listener.gaps.map { $0.json["reason"].text } == ["invalid"])
    }

    @Test func aReaderThatDoesNotReadHoldsNobodyUpAndIsToldWhatItMissed() throws {
        try fixture.register("api", command: "exec sleep 60")
        let writer = writer()
        let api = self.writer("api")
        let slow = try LogListener(daemon, Self.follow)
        let other = try LogListener(daemon, "/v1/logs?follow=1&services=api")
        let line = String(repeating: "x", count: 1_000)
        // More than all buffers of a socket, most of it rotated away unread.
        let files = 16
        for file in 0..<files {
            for part in 0..<16 {
                writer.write((0..<64).map { "\(file * 1_024 + part * 64 + $0) \(line)\n" }.joined())
            }
            api.write("\(file)\n")
            #expect(other.wait { $0.lines.count == file + 1 })
            writer.rotate()
        }
        writer.write("last\n")
        let resident = ProcessTable.residentKiB(daemon.pid)
        #expect(resident < 120_000 || HostileClientTests.isPadded, "\(resident)")
        #expect(slow.wait(within: 60_000) { $0.texts.last == "last" })
        #expect(!slow.gaps.isEmpty)
        #expect(slow.gaps.allSatisfy { $0.json["reason"].text == "rotated" })
        let skipped = slow.gaps.compactMap { $0.json["bytes"].integer }.reduce(0, +)
        #expect(skipped > 0)
        let numbers = slow.texts.dropLast().map { Int($0.prefix { $0 != " " }) ?? -1 }
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
        #expect(numbers.count < files * 1_024)
    }

    @Test func severalServicesComeInOneStream() throws {
        try fixture.register("api", command: "exec sleep 60")
        let web = writer()
        let api = writer("api")
        web.write("w1\n")
        let listener = try LogListener(daemon, "/v1/logs?follow=1&services=web,api")
        #expect(listener.wait { $0.texts == ["w1"] })
        api.write("a1\n")
        #expect(listener.wait { $0.lines.last?.json["name"].text == "api" })
        web.rotate()
        web.write("w2\n")
        #expect(listener.wait { $0.texts == ["w1", "a1", "w2"] })
        #expect(listener.lines.allSatisfy { $0.id == nil })
    }

    @Test func searchAndColoursHoldForWhatIsFollowed() throws {
        let writer = writer()
        let listener = try LogListener(daemon, Self.follow + "&grep=err&ignoreCase=1&color=0")
        writer.write("info\n\u{1B}[31mERR\u{1B}[0mor\ninfo\nno error\n")
        #expect(listener.wait { $0.texts == ["ERRor", "no error"] })
    }

    @Test func followersEndWithTheirServiceAndAtShutdown() throws {
        let writer = writer()
        let listener = try LogListener(daemon, Self.follow)
        let all = try LogListener(daemon, "/v1/logs?follow=1")
        writer.write("a\nrest")
        #expect(all.wait { $0.texts.first == "a" })
        #expect(try daemon.ask("DELETE", "/v1/services/web").status == 200)
        #expect(listener.wait { $0.isOver })
        #expect(listener.texts == ["a", "rest"])
        #expect(!all.isOver)
        #expect(milliseconds { daemon.stop() } < 4_000)
        all.pump()
        #expect(all.isOver)
    }

    @Test func purgingRemovesTheLogsWithRotatedOnesAndIndexes() throws {
        let writer = writer()
        let other = self.writer("other")
        for number in 0..<6 {
            writer.write("\(number)\n")
            writer.rotate()
        }
        other.write("kept\n")
        let folder = daemon.file("logs")
        let names = { ProcessTable.folderNames(folder).filter { $0.hasPrefix("web.log") } }
        #expect(names().count == 10)
        #expect(try daemon.ask("DELETE", "/v1/services/web?purge=2").status == 400)
        #expect(names().count == 10)
        let answer = try daemon.ask("DELETE", "/v1/services/web?purge=1")
        #expect(answer.status == 200)
        #expect(answer.json["warnings"] == .missing)
        #expect(names().isEmpty)
        #expect(ProcessTable.folderNames(folder).contains("other.log"))
    }

    @Test func removingWithoutPurgeKeepsTheLogs() throws {
        writer().write("a\n")
        #expect(try daemon.ask("DELETE", "/v1/services/web").status == 200)
        #expect(TextFile.read(daemon.file("logs/web.log")) == "a\n")
    }

    @Test func followersAreBounded() throws {
        var listeners: [LogListener] = []
        for _ in 0..<256 { listeners.append(try LogListener(daemon, Self.follow)) }
        let refused = try daemon.ask("GET", Self.follow)
        #expect(refused.status == 503)
        #expect(refused.json["code"].text == "daemon_busy")
        listeners.removeLast().wire.close()
        #expect(
            try eventually {
                let next = try LogListener(daemon, Self.follow)
                return next.isOK
            })
    }

    @Test(arguments: [
        ("follow=2", "follow"), ("follow=1&until=1s", "until"), ("follow=1&format=text", "format"),
        ("after=1-1-1", "follow"), ("follow=1&after=x", "after"),
    ])
    func whatCannotBeFollowedIsRefused(query: String, word: String) throws {
        let answer = try daemon.ask("GET", "/v1/services/web/logs?\(query)")
        #expect(answer.status == 400)
        #expect(answer.text.contains("\(word)"))
    }

    @Test func theGateStandsBeforeFollowing() throws {
        for target in [Self.follow, "/v1/logs?follow=1"] {
            for field in ["Host: evil.example", "Host: localhost\r\nOrigin: http://evil.example"] {
                let wire = try WireClient(daemon)
                wire.send("GET \(target) HTTP/1.1\r\n\(field)\r\n\r\n")
                #expect(try wire.answer().status == 403)
            }
        }
        #expect(try daemon.ask("GET", "/v1/services/nobody/logs?follow=1").status == 404)
        let head = try WireClient(daemon)
        head.send("HEAD \(Self.follow) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(try head.answer(to: "HEAD").status == 200)
        #expect(head.ending() == .closed)
    }
}
