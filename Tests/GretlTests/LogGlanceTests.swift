// One look at a followed log and its watch, on real files: whatever happens around the look, the
// follower hears of the next change.

import Glibc
import NetCore
import TestSupport
import Testing

@testable import Gretl

/// Counts what it is told.
@ReactorActor
private final class Told: FileWatchHandler {
    var tags: [Int] = []
    func fileChanged(_ tag: Int) { tags.append(tag) }
}

@Suite struct LogGlanceTests {
    let folder = TemporaryFolder()

    private static func follow(_ files: LogFiles) -> LogFollow {
        LogFollow(
            sources: [LogSource(name: "a", files: files)], query: LogQuery(), isSingle: true,
            start: .newest)
    }

    @Test func aFileThatAppearsBehindTheWatchOfItsFolderIsWatchedByTheNextLook() async throws {
        let path = folder.file("a.log")
        try await onReactor {
            let files = LogFiles(path)
            let follow = Self.follow(files)
            let arm = try FileWatch(on: ReactorThread.reactor).arm
            func look(_ trail: LogTrail, _ watched: LogGlance.Watch?) -> LogGlance {
                LogGlance(
                    trail, of: "a", follow, takesUnfinished: false, watched: watched, arm: arm)
            }
            let first = look(LogTrail(files, from: nil, needle: nil), nil)
            #expect(first.watch?.isFile == false)
            let writer = LogWriter(path)
            writer.write("x\n")
            // As if the folder's watch had not told yet.
            let second = look(first.trail, first.watch)
            #expect(second.watch?.isFile == true)
            let third = look(second.trail, second.watch)
            #expect(third.watch == nil)
            #expect(String(decoding: third.bytes, as: UTF8.self).contains(#""text":"x""#))
        }
    }

    @Test func aWatchThatToldBeforeAnybodyWaitedTellsAtOnce() async throws {
        let path = folder.file("b.log")
        try await onReactor {
            let reactor = ReactorThread.reactor
            let watch = try FileWatch(on: reactor)
            let writer = LogWriter(path)
            let arm = watch.arm
            let id = try #require(arm.file(path))
            let early = Told()
            let late = Told()
            watch.wait(for: id, armedBy: arm, early, tag: 1)
            // Another one has armed the same file, and hears of it later.
            #expect(arm.file(path) == id)
            writer.write("x\n")
            for _ in 0..<500 where early.tags.isEmpty { await reactor.pause(.milliseconds(10)) }
            #expect(early.tags == [1])
            watch.wait(for: id, armedBy: arm, late, tag: 2)
            #expect(late.tags == [2])
            #expect(watch.count == 0)
        }
    }

    @Test func whoStopsWaitingTakesNobodysWatchAway() async throws {
        let path = folder.file("c.log")
        try await onReactor {
            let reactor = ReactorThread.reactor
            let watch = try FileWatch(on: reactor)
            let writer = LogWriter(path)
            let arm = watch.arm
            let id = try #require(arm.file(path))
            let told = Told()
            for tag in 1...3 { watch.wait(for: id, armedBy: arm, told, tag: tag) }
            watch.stopWaiting(for: id, told, tag: 2)
            writer.write("x\n")
            for _ in 0..<500 where told.tags.isEmpty { await reactor.pause(.milliseconds(10)) }
            #expect(told.tags == [1, 3])
            // The last one takes the kernel's watch along; who has armed it too hears of that.
            let next = try #require(arm.file(path))
            watch.stopWaiting(for: next, told, tag: 1)
            watch.wait(for: next, armedBy: arm, told, tag: 4)
            #expect(told.tags == [1, 3, 4])
        }
    }
}
