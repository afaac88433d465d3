// Calls that compile and are wrong here, each with what to use instead. The rule is about the
// program, not its tests.

import Testing

struct BannedCallTests {
    private struct Rule {
        let call: String
        let instead: String
        /// The files that may.
        var except: Set<String> = []
    }

    private static let commandLine = "Sources/Gretl/CommandLine/CommandContext.swift"
    private static let reactorActor = "Sources/NetCore/Reactor/ReactorActor.swift"

    private static let rules = [
        Rule(call: "Date()", instead: "Reactor.now; for output, Reactor.wallNanoseconds()"),
        Rule(call: "sleep(", instead: "a timer of the reactor (TimerQueue)"),
        Rule(call: "usleep(", instead: "a timer of the reactor (TimerQueue)"),
        Rule(call: "nanosleep(", instead: "a timer of the reactor (TimerQueue)"),
        Rule(call: "Task.sleep", instead: "a timer: Task.sleep starts the runtime's thread pool"),
        Rule(call: "Task.detached", instead: "spawn: a detached task starts the thread pool"),
        Rule(call: "Task.yield", instead: "Reactor.runNextTurn"),
        Rule(call: "Task {", instead: "spawn (docs/decisions/0007)"),
        Rule(call: "Task(", instead: "spawn (docs/decisions/0007)", except: [reactorActor]),
        Rule(call: "DispatchQueue", instead: "BackgroundThread, and Inbox for the way back"),
        Rule(call: "@MainActor", instead: "@ReactorActor"),
        Rule(
            call: "print(", instead: "CommandContext.print, ProcessFacts.printLine or Log",
            except: [commandLine]),
        Rule(call: "fatalError(", instead: "precondition for our bugs, a typed error for others'"),
        Rule(call: "try!", instead: "do and catch: what the kernel says never traps"),
    ]

    /// What is wrong in `file`, as `path:line: call: instead`.
    static func violations(_ file: ProjectFile) -> [String] {
        var found: [String] = []
        for (index, line) in SwiftText.code(file.text).enumerated() {
            for rule in rules
            where !rule.except.contains(file.path) && SwiftText.uses(rule.call, in: line) {
                // A declaration of a function of that name is no call of it.
                guard !line.contains("func \(rule.call)") else { continue }
                found.append("\(file.path):\(index + 1): \(rule.call): use \(rule.instead)")
            }
        }
        return found
    }

    @Test func nothingBannedIsCalled() throws {
        let files = try Project.swiftSources()
        try #require(files.count > 50)
        for file in files {
            let found = BannedCallTests.violations(file)
            #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
        }
    }

    @Test func theLoopsCoreNeverReadsErrno() throws {
        for file in try Project.files(below: ["Sources/NetCore"]) {
            for (index, line) in SwiftText.code(file.text).enumerated() {
                #expect(
                    !SwiftText.uses("errno", in: line),
                    "\(file.path):\(index + 1): the shim returns a negative errno"
                )
            }
        }
    }

    @Test(arguments: [
        "let now = Date()", "    Task { await go() }", "if a { print(b) }", "Task.detached {}",
        "x(Task(priority: .low) {})", "_ = try! f()", "let a = \"//\"; sleep(1)",
    ])
    func aBannedCallIsFound(line: String) {
        let file = ProjectFile(path: "Sources/Gretl/A.swift", text: line)
        #expect(BannedCallTests.violations(file).count == 1)
    }

    @Test(arguments: [
        "// Task { } would start the pool", "let text = \"print(x)\"", "context.print(line)",
        "let candidate = UpDate()", "let text = \"\"\"\nsleep(1)\n\"\"\"",
        "func print(_ a: Int) {}",
        "let a = \"\\\" sleep(1)\"",
    ])
    func wordsInCommentsAndStringsAreNoCalls(line: String) {
        let file = ProjectFile(path: "Sources/Gretl/A.swift", text: line)
        #expect(BannedCallTests.violations(file).isEmpty)
    }
}
