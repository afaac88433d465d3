// The list of tools that models are offered, and the check of calls against their schemas.

import Gretl
import TestSupport
import Testing

@Suite struct ToolTableTests {
    private func call(_ name: String, _ arguments: [String: JSONValue]?) -> ToolCall {
        ToolCall(id: "1", name: name, text: "", arguments: arguments)
    }

    /// What is wrong with a call; nil for nothing.
    private func problem(_ name: String, _ arguments: [String: JSONValue]?) -> String? {
        guard let spec = ToolTable.named(name) else { return "no tool" }
        do throws(ToolArgumentError) {
            _ = try ToolArguments(call(name, arguments), of: spec)
            return nil
        } catch { return error.message }
    }

    @Test func theFourteenToolsKeepTheirOrder() {
        let names = ToolTable.all.map(\.name)
        #expect(
            names == [
                "file_read", "file_list", "file_write", "file_patch", "file_insert",
                "file_delete", "file_rename", "grep_search", "find_files", "bash_exec",
                "git_diff", "git_status", "git_log", "run_pytest",
            ])
        let readOnly = Set(ToolTable.all.filter(\.isReadOnly).map(\.name))
        #expect(
            readOnly == [
                "file_read", "file_list", "grep_search", "find_files", "git_diff", "git_status",
                "git_log",
            ])
        #expect(FileTools.names.isSubset(of: names))
    }

    @Test func theSchemasAreOneLineOfCompactJSON() {
        for spec in ToolTable.all {
            let schema = spec.schema.description
            #expect(schema.hasPrefix("{\"type\":\"object\",\"properties\":{"), "\(spec.name)")
            #expect(schema.hasSuffix("\"additionalProperties\":false}"), "\(spec.name)")
            #expect(!schema.contains("\n") && !schema.contains("  "), "\(spec.name)")
            #expect(!spec.summary.isEmpty)
        }
        let patch = ToolTable.named("file_patch")?.schema.description
        #expect(
            patch == #"{"type":"object","properties":{"path":{"type":"string"},"old":{"type":"#
                + #""string","minLength":1},"new":{"type":"string"},"occurrence":{"type":"#
                + #""integer","default":1,"minimum":0}},"required":["path","old","new"],"#
                + #""additionalProperties":false}"#)
    }

    @Test func goodArgumentsAreTaken() {
        #expect(problem("file_read", ["path": .string("a")]) == nil)
        #expect(problem("git_status", [:]) == nil)
        #expect(problem("bash_exec", ["command": .string("x"), "timeout": .number(1.5)]) == nil)
        #expect(problem("file_read", ["path": .string("a"), "start_line": .null]) == nil)
        #expect(problem("run_pytest", ["args": .array([.string("-k"), .string("x")])]) == nil)
        #expect(
            problem(
                "file_insert", ["path": .string("a"), "line": .integer(-1), "content": .string("")])
                == nil)
    }

    @Test func whatIsWrongIsSaidWithWhatTheToolTakes() {
        #expect(
            problem("file_read", ["path": .string("a"), "lines": .integer(3)])
                == "file_read was not run: it has no argument lines. It takes path (string), "
                + "end_line (integer, optional), start_line (integer, optional).")
        #expect(problem("file_read", [:])?.contains("\"path\" is missing") == true)
        #expect(problem("file_read", ["path": .null])?.contains("a string, not null") == true)
        #expect(
            problem("file_read", ["path": .string("a"), "start_line": .integer(0)])?
                .contains("\"start_line\" must be at least 1") == true)
        #expect(
            problem("file_read", ["path": .string("a"), "start_line": .number(1.5)])?
                .contains("must be a whole number, not a number") == true)
        #expect(
            problem("bash_exec", ["command": .string("x"), "timeout": .integer(601)])?
                .contains("at most 600") == true)
        #expect(
            problem(
                "file_patch", ["path": .string("a"), "old": .string(""), "new": .string("b")])?
                .contains("\"old\" must not be empty") == true)
        #expect(
            problem("run_pytest", ["args": .array([.integer(1)])])?
                .contains("\"args\" item 0 must be a string, not a number") == true)
        #expect(problem("git_status", nil)?.contains("no JSON object") == true)
        #expect(problem("git_status", ["a\u{1B}[2J": .null])?.contains("\u{1B}") == false)
    }

    @Test func noArgumentsMakeTheCheckFail() {
        var random = SeededGenerator(seed: 5)
        func value(_ depth: Int) -> JSONValue {
            switch random.number(in: 0...(depth > 3 ? 4 : 6)) {
            case 0: return .null
            case 1: return .bool(random.oneIn(2))
            case 2: return .integer(random.pick([.min, .max, 0, 1, -1]))
            case 3: return .number(random.pick([.infinity, .nan, 0.5, -1e300]))
            case 4: return .string(random.pick(["", "a", "../x", "\0", "é\u{202E}"]))
            case 5: return .array([value(depth + 1), value(depth + 1)])
            default: return .object(["path": value(depth + 1)])
            }
        }
        for spec in ToolTable.all {
            for _ in 0..<300 {
                var arguments: [String: JSONValue] = [:]
                for name in ["path", "old", "new", "line", "content", "pattern", "args", "x"]
                where random.oneIn(2) { arguments[name] = value(0) }
                _ = problem(spec.name, arguments)
            }
        }
    }

    @Test func anUnknownToolIsNamed() async throws {
        let stage = try FileStage()
        let outcome = try await stage.run("file_erase", [:])
        #expect(outcome.isError && outcome.content.hasPrefix("Unknown tool: file_erase"))
        let hostile = try await stage.run("x\n\u{1B}[2J", nil)
        #expect(hostile.content.hasPrefix("Unknown tool: \"x\\n\\u{1b}[2J\"."))
    }
}
