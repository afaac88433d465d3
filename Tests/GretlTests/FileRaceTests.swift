// A program that puts links in the place of files and folders while the file tools work: whoever is
// quicker, nothing outside is told or changed.

import Glibc
import Gretl
import Synchronization
import TestSupport
import Testing

@Suite struct FileRaceTests {
    private static let rounds = 1_500

    @Test func nothingOutsideIsToldOrChangedWhileLinksAreSwapped() async throws {
        let stage = try FileStage()
        _ = unsafe chmod("\(stage.outside)/secret.txt", 0o644)
        stage.makeFolder("real")
        stage.put("inside\n", at: "real/secret.txt")
        stage.put("inside\n", at: "file")
        let isOver = Atomic<Bool>(false)
        let swapper = try Swapper(stage, isOver: { isOver.load(ordering: .relaxed) })
        defer {
            isOver.store(true, ordering: .relaxed)
            swapper.join()
        }
        let path: JSONValue = .string("folder/secret.txt")
        let file: JSONValue = .string("file")
        var told = 0
        for round in 0..<Self.rounds {
            let target = round % 2 == 0 ? path : file
            let outcome: ToolOutcome
            switch round % 6 {
            case 0, 1: outcome = try await stage.run("file_read", ["path": target])
            case 2, 3:
                outcome = try await stage.run(
                    "file_write", ["path": target, "content": .string("inside \(round)")])
            case 4:
                outcome = try await stage.run(
                    "file_insert",
                    ["path": target, "line": .integer(0), "content": .string("inside")])
            default:
                outcome = try await stage.run("grep_search", ["pattern": .string("e")])
            }
            let tells = outcome.content.contains(FileStage.secret)
            #expect(!tells, "round \(round)")
            if !outcome.isError { told += 1 }
        }
        let secret = FileStage.content(path: "\(stage.outside)/secret.txt")
        #expect(secret == "\(FileStage.secret)\n")
        #expect(FileStage.names(in: stage.outside) == ["secret.txt"])
        // The race was one: some calls met the file, and some did not.
        #expect(told > 0 && swapper.count > 100)
    }
}

/// A thread that swaps a folder and a file for links that lead out, and back.
private final class Swapper: Sendable {
    private let thread: pthread_t
    private let counter: Counter

    private final class Counter: Sendable { let value = Atomic<Int>(0) }

    /// What the thread works with.
    private final class Work {
        let project: String
        let outside: String
        let isOver: @Sendable () -> Bool
        let counter: Counter

        init(_ stage: FileStage, _ counter: Counter, _ isOver: @escaping @Sendable () -> Bool) {
            project = stage.project
            outside = stage.outside
            self.isOver = isOver
            self.counter = counter
        }

        func run() {
            _ = unsafe symlink("real", "\(project)/folder")
            _ = unsafe symlink(outside, "\(project)/out")
            _ = unsafe symlink("\(outside)/secret.txt", "\(project)/fileout")
            // Bounded, should the test end without its word.
            for _ in 0..<20_000_000 where !isOver() {
                // Exchanges names: at each moment there is the one or the other.
                for (one, other) in [("folder", "out"), ("file", "fileout")] {
                    _ = unsafe rename("\(project)/\(one)", "\(project)/.swap")
                    _ = unsafe rename("\(project)/\(other)", "\(project)/\(one)")
                    _ = unsafe rename("\(project)/.swap", "\(project)/\(other)")
                }
                counter.value.add(1, ordering: .relaxed)
            }
        }
    }

    init(_ stage: FileStage, isOver: @escaping @Sendable () -> Bool) throws {
        counter = Counter()
        let work = Work(stage, counter, isOver)
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(work)
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        precondition(result == 0)
        self.thread = thread
    }

    var count: Int { counter.value.load(ordering: .relaxed) }

    func join() { pthread_join(thread, nil) }
}
