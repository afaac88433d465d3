// Goals on real projects: pytest, make, npm, cargo and go where the machine has them, a command of
// `.retrai.yml`; and what the readers make of hostile files.

import Glibc
import NetCore
import TestSupport
import Testing

@testable import Gretl

struct GoalTests {
    private static func has(_ words: [String]) -> Bool {
        let isThere =
            (try? Program.run(
                words, environment: Program.inheritedEnvironment, seconds: 60))?.exit == 0
        if !isThere {
            let text = "SKIPPED: '\(words.joined(separator: " "))' does not work here\n"
            _ = unsafe write(2, text, text.utf8.count)
        }
        return isThere
    }

    static let hasPytest = has(["python3", "-c", "import pytest"])
    static let hasGo = has(["go", "version"])
    static let hasCargo = has(["cargo", "--version"])
    static let hasNPM = has(["npm", "--version"])
    static let way = ProgramStage.hasJail ? Confinement() : Confinement(isSandboxed: false)

    private func details(_ verdict: GoalVerdict) throws -> [String: JSONValue] {
        try JSONValue.object(verdict.details)
    }

    @Test(.enabled(if: hasPytest), arguments: ProgramRunTests.ways)
    func pytestIsReadFromItsReport(way: Confinement) async throws {
        let stage = try ProgramStage(way)
        let none = try await stage.check("pytest")
        #expect(
            none
                == GoalVerdict(
                    isAchieved: false, reason: "No tests were collected", details: none.details))
        stage.write(
            """
            import pytest
            def test_one(): pass
            def test_two(): assert "<a & b>" == 'x"y'
            @pytest.mark.skip
            def test_three(): pass
            """, "test_a.py")
        let failing = try await stage.check("pytest")
        #expect(!failing.isAchieved)
        #expect(failing.reason == "1 test(s) failed out of 3 (passed: 1)")
        let facts = try details(failing)
        #expect(facts["failures"]?.elements.first?.text?.contains("<a & b>") == true)
        #expect(facts["exit_code"] == .integer(1) && facts["passed"] == .integer(1))
        stage.write("def test_one(): pass\ndef test_two(): pass\n", "test_a.py")
        let passing = try await stage.check("pytest")
        #expect(passing.isAchieved && passing.reason == "All 2 tests passed")
        // Nothing is left.
        let left = ProcessTable.folderNames(stage.project)
        #expect(!left.contains { $0.contains("cache") || $0.contains("xml") }, "\(left)")
        stage.write("def test_one(:\n", "test_b.py")
        let broken = try await stage.check("pytest")
        #expect(!broken.isAchieved && broken.reason.hasPrefix("1 test(s) failed"))
        stage.write("import os\nos._exit(0)\n", "conftest.py")
        let faked = try await stage.check("pytest")
        #expect(!faked.isAchieved && faked.reason.contains("report is missing"))
    }

    @Test(.enabled(if: hasPytest)) func aTestThatNeverEndsIsNamed() async throws {
        let stage = try ProgramStage(Self.way)
        stage.write("def test_fine(): pass\ndef test_loops():\n    while True: pass\n", "test_l.py")
        let verdict = try await onReactor { () -> GoalVerdict in
            let programs = stage.programs()
            let goal = RunGoal(name: "pytest", prompt: "")
            let check = GoalCheck(
                programs: programs, goal: goal, kind: .pytest, context: stage.context())
            return await PytestCheck(check).run(limit: .seconds(6))
        }
        #expect(!verdict.isAchieved)
        #expect(
            verdict.reason == "pytest was ended: it took longer than 6 s; the last test that was "
                + "started is test_l.py::test_loops")
        let left = ProcessTable.parents().keys.filter { pid in
            ProcessTable.words(pid, "cmdline").contains { $0.contains("junit_family") }
                && ProcessTable.words(pid, "environ").contains("HOME=\(stage.home)")
        }
        #expect(left.isEmpty)
    }

    @Test(.enabled(if: hasPytest)) func theToolRunsPytest() async throws {
        let stage = try ProgramStage(Self.way)
        stage.write("def test_one(): pass\ndef test_two(): assert False\n", "test_a.py")
        let outcome = try await stage.tool(
            "run_pytest", ["args": .array([.string("-k"), .string("one")])])
        #expect(outcome.exitCode == 0 && outcome.content.contains("1 passed"), "\(outcome.content)")
    }

    @Test(arguments: ProgramRunTests.ways)
    func aCommandIsJudgedByItsConditions(way: Confinement) async throws {
        let stage = try ProgramStage(way)
        stage.write(
            """
            check_command: "echo value 42; echo more >&2; exit 3"
            success_condition: {exit_code: 3, output_contains: more, output_regex: '^value \\d+$'}
            """, ".retrai.yml")
        let good = try await stage.check("")
        #expect(good.isAchieved, "\(good.reason)")
        stage.write(
            """
            goal: shell-goal
            check_command: "exit 3"
            success_condition: {output_contains: more, output_regex: '^value'}
            """, ".retrai.yml")
        let bad = try await stage.check("auto")
        #expect(
            bad.reason == "exit_code=3 (expected 0); output does not contain 'more'; "
                + "output does not match /^value/")
    }

    @Test func makeIsRun() async throws {
        let stage = try ProgramStage(Self.way)
        stage.write("test:\n\t@test -f fixed\n", "Makefile")
        #expect(try await stage.check("").reason == "'make test' failed with exit code 2")
        stage.write("", "fixed")
        #expect(try await stage.check("make-test").isAchieved)
    }

    @Test(.enabled(if: hasNPM)) func npmIsRun() async throws {
        let stage = try ProgramStage(Self.way)
        stage.write(#"{"name":"a","scripts":{"test":"test -f fixed"}}"#, "package.json")
        #expect(try await stage.check("").reason.contains("failed"))
        stage.write("", "fixed")
        #expect(try await stage.check("npm-test").isAchieved)
    }

    @Test(.enabled(if: hasGo)) func goIsRun() async throws {
        let stage = try ProgramStage(Self.way)
        stage.write("module a\n\ngo 1.18\n", "go.mod")
        stage.write(
            "package a\nimport \"testing\"\nfunc TestA(t *testing.T) { t.Fatal(\"no\") }\n",
            "a_test.go")
        let bad = try await stage.check("")
        #expect(bad.reason == "1 test(s) failed: a.TestA", "\(bad.reason)")
    }

    @Test(.enabled(if: hasCargo)) func cargoIsRun() async throws {
        let stage = try ProgramStage(Self.way)
        unsafe mkdir(stage.project + "/src", 0o700)
        stage.write("[package]\nname = \"a\"\nversion = \"0.1.0\"\n", "Cargo.toml")
        stage.write("#[test]\nfn it_works() { assert!(false) }\n", "src/lib.rs")
        let bad = try await stage.check("")
        // Without its home cargo is no toolchain manager's: then it says so.
        #expect(!bad.isAchieved)
        #expect(bad.reason == "1 test(s) failed: it_works" || bad.reason.contains("exit code"))
    }

    @Test(arguments: ["test_a.py", "a_test.py", "conftest.py", "pytest.ini"])
    func filesThatPytestTakesForTestsTellTheGoal(name: String) async throws {
        let stage = try ProgramStage(Self.way)
        stage.write("", "contest_a.py")
        #expect(GoalDetection.find(in: stage.project) == nil)
        stage.write("", name)
        #expect(GoalDetection.find(in: stage.project) == .pytest)
        // Any other sign is stronger than a name.
        stage.write("test:\n", "Makefile")
        let isName = name.hasSuffix("_test.py") || name.hasPrefix("test_")
        #expect(GoalDetection.find(in: stage.project) == (isName ? .make : .pytest))
    }

    @Test func aProgramThatIsMissingIsToldOf() async throws {
        let stage = try ProgramStage(Self.way)
        stage.write("{\"scripts\":{\"test\":\"nobody-has-this\"}}", "package.json")
        stage.write("test:\n\t@exit 127\n", "Makefile")
        let made = try await stage.check("make-test")
        #expect(made.reason.hasPrefix("'make test' failed"), "\(made.reason)")
        guard Self.hasNPM else { return }
        let verdict = try await stage.check("npm-test")
        #expect(verdict.reason.contains("was not found"), "\(verdict.reason)")
    }

    @Test func anUnknownGoalIsToldTheNames() async throws {
        let stage = try ProgramStage(Self.way)
        for name in ["", "perf", "auto"] {
            let error = try await onReactor { () -> APIError? in
                do throws(APIError) {
                    _ = try await ProjectGoals(stage.programs()).find(name, in: stage.project)
                    return nil
                } catch { return error }
            }
            #expect(error?.code == .unknownGoal)
            #expect(error?.message.contains("pytest, shell-goal, make-test") == true)
        }
        #expect(ProjectGoals.table.map(\.name).count == 6)
    }
}

struct GoalReaderTests {
    @Test(arguments: [
        "<!DOCTYPE a [<!ENTITY b \"c\">]><testsuite/>", "", "<", "<a", "text", "<testcase/>",
    ])
    func whatIsNoReportIsNone(text: String) {
        #expect(JUnitReport(Array(text.utf8)) == nil)
    }

    @Test func aReportIsRead() throws {
        let text = """
            <?xml version="1.0"?><!-- > --><testsuites><testsuite tests="4">
            <testcase classname="a.b" name="c[&lt;&#65;&quot;]"><failure message="x &amp; y">
            <![CDATA[ <testcase name="no"/> ]]></failure><error message="later"/></testcase>
            <testcase name="d"/><testcase name="e"><skipped/></testcase>
            </testsuite></testsuites>
            """
        let report = try #require(JUnitReport(Array(text.utf8)))
        #expect(report.passed == 1 && report.failed == 1 && report.skipped == 1)
        #expect(report.failures == [.init(name: "a.b::c[<A\"]", message: "x & y")])
        #expect(report.isWhole)
        // Cut anywhere it never traps, and never passes for a whole one before its end.
        let bytes = Array(text.utf8)
        for count in 0..<bytes.count {
            let cut = JUnitReport(Array(bytes[..<count]))
            if count < bytes.count - "</testsuites>".utf8.count {
                #expect(cut?.isWhole != true || count > bytes.count - 30)
            }
        }
    }

    @Test func randomBytesAreHarmless() {
        var generator = SeededGenerator(seed: 11)
        let pieces = [
            "<testsuite", "<testcase", " name=", "\"", "'", "&#x", ";", "/>", ">", "</testcase>",
            "<!",
            "<![CDATA[", "]]>", "\u{0}", "é", "&", "<failure message=\"",
        ]
        for _ in 0..<500 {
            var text = "<testsuite>"
            for _ in 0..<Int.random(in: 0..<60, using: &generator) {
                text += pieces.randomElement(using: &generator) ?? ""
            }
            let bytes = Array(text.utf8)
            let report = JUnitReport(bytes)
            #expect((report?.total ?? 0) <= bytes.count)
        }
    }

    @Test(arguments: [
        ("a: [", "line"), ("- a", "no map"), ("check_command: [a]", "no text"),
        ("success_condition: 3", "no map"), ("success_condition: {exit_code: x}", "no number"),
        ("max_seconds: 0", "above 0"), ("success_condition: {exit_code: 300}", "0 to 255"),
        ("goal: a\ngoal: b", "second time"),
    ])
    func aGoalFileThatIsWrongIsNamed(text: String, said: String) {
        do throws(GoalFile.Problem) {
            _ = try GoalFile.parse(Array(text.utf8))
            Issue.record("\(text) was read")
        } catch { #expect(error.message.contains(said), "\(error.message)") }
    }

    @Test func outputKeepsItsEnds() {
        for size in 0..<40 {
            var kept = HeadAndTail(head: 5, tail: 7)
            let bytes = (0..<size).map { UInt8($0) }
            for part in stride(from: 0, to: size, by: 3) {
                kept.append(bytes[part..<min(size, part + 3)])
            }
            #expect(kept.head == Array(bytes.prefix(5)))
            #expect(kept.tail == Array(bytes.dropFirst(5).suffix(7)))
            #expect(kept.cut == max(0, size - 12) && kept.total == size)
        }
        var kept = HeadAndTail(head: 4, tail: 4)
        kept.append(Array("abcé...........ézzz".utf8)[...])
        #expect(ProgramText.render(kept) == "abc\n[... 13 bytes left out ...]\nzzz")
        var coloured = HeadAndTail(head: 40, tail: 0)
        coloured.append(Array("\u{1B}[31mred\u{1B}[0m\r\n".utf8)[...])
        #expect(ProgramText.render(coloured) == "red\n")
    }

    @Test func failuresOfCargoAndGoAreFound() {
        let cargo = "running 2 tests\ntest a::b ... FAILED\ntest c ... ok\n"
        #expect(GoalReading.cargoFailures(cargo) == ["a::b"])
        let go = """
            {"Action":"run","Package":"p","Test":"TestA"}
            {"Action":"fail","Package":"p","Test":"TestA"}
            {"Action":"fail","Package":"p"}
            {"Action":"fail"
            """
        #expect(GoalReading.goFailures(go) == ["p.TestA"])
    }
}
