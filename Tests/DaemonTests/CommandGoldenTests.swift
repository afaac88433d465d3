// Every command of the table as people and scripts see it: the real gr against a real daemon, on a
// pipe and on a terminal, compared with the texts in Golden/Commands. CommandTour says what is run;
// a command without a part in it fails here. GR_GOLDEN=write writes the texts anew.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite struct CommandGoldenTests {
    private static let folder =
        "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/")
        + "/Golden/Commands"
    private static let isWriting = Program.inheritedEnvironment.contains("GR_GOLDEN=write")

    private static func file(_ command: String, _ surface: CommandStage.Surface) -> String {
        "\(command.replacing(" ", with: "-")).\(surface.rawValue).txt"
    }

    /// The commands of the table, by the program's own word.
    private static func table() throws -> [String] {
        let help = try Program.run([BuildProducts.gr, "help", "--json"])
        let commands = (JSONValue(Array(help.output.utf8)) ?? .missing)["commands"].items
        return commands.compactMap { $0["name"].text }
    }

    // MARK: What there is

    @Test func `every command is part of the tour, and every part is a command`() throws {
        let table = try Self.table()
        try #require(table.count > 30)
        let toured = CommandTour.parts.map(\.command)
        #expect(Set(toured).count == toured.count, "a command has one part")
        #expect(Set(table).subtracting(toured).sorted() == [], "add it to CommandTour")
        #expect(Set(toured).subtracting(table).sorted() == [], "there is no such command")
        for part in CommandTour.parts {
            let lines = part.steps.map(\.line)
            let isRun = lines.contains { "\($0) ".hasPrefix("gr \(part.command) ") }
            #expect(isRun, "the part of \(part.command) never runs it")
            let isTried = lines.contains { $0.hasSuffix(" --json") }
            #expect(
                isTried != CommandTour.withoutJSON.contains(part.command),
                "\(part.command): run it with --json once")
        }
    }

    @Test func `every golden text belongs to a command, and none is missing`() throws {
        let there = Set(try FileManager.default.contentsOfDirectory(atPath: Self.folder))
        let wanted = Set(
            CommandTour.parts.flatMap { part in
                CommandStage.Surface.allCases.map { Self.file(part.command, $0) }
            })
        #expect(there.subtracting(wanted).sorted() == [], "remove it")
        guard !Self.isWriting else { return }
        #expect(wanted.subtracting(there).sorted() == [], "GR_GOLDEN=write writes it")
    }

    // MARK: What it looks like

    @Test(arguments: CommandStage.Surface.allCases)
    func `every command says what it always said`(on surface: CommandStage.Surface) throws {
        let stage = try CommandStage(surface)
        for part in CommandTour.parts {
            let steps = part.steps.filter { ($0.surface ?? surface) == surface }
            let told = try steps.map { try run($0, stage) }.joined(separator: "\n")
            let path = "\(Self.folder)/\(Self.file(part.command, surface))"
            if Self.isWriting {
                try? FileManager.default.removeItem(atPath: path)
                TemporaryFolder.write(told, to: path, mode: 0o644)
                continue
            }
            let golden = TextFile.read(path) ?? ""
            if told != golden {
                Issue.record("\(part.command) on a \(surface):\n\(difference(golden, told))")
            }
        }
    }

    /// Runs one line; what it told, as it stands in the file.
    private func run(_ step: CommandStep, _ stage: CommandStage) throws -> String {
        let isPipe = stage.surface == .pipe
        let run = try stage.begin(
            stage.words(step.line), in: step.place, input: step.input,
            columns: step.columns)
        for (text, keys) in isPipe ? [] : step.keys {
            #expect(run.sees(text, within: 60_000), "\(step.line): \(run.output)")
            run.type(keys)
        }
        if let text = step.until {
            let isSaid = run.wait(60_000) {
                let told = $0.output + $0.errors
                return told.contains(text) && told.last?.isNewline == true
            }
            #expect(isSaid, "\(step.line): \(run.output)\(run.errors)")
            if isPipe { run.signal(SIGINT) } else { run.type("\u{03}") }
        }
        // An exit by a signal as a shell tells it, which setsid on a terminal does too.
        let exit = run.end(within: 60_000).map { $0 < 0 ? 128 - $0 : $0 }
        let wanted = isPipe ? step.exit : step.exitOnTerminal ?? step.exit
        #expect(exit == wanted, "\(step.line): \(run.output)\(run.errors)")
        let output = isPipe ? run.output : run.output.replacing("\r\n", with: "\n")
        let place = step.place == .folder ? "" : "(\(step.place)) "
        return "\(place)$ \(step.line)\n" + shown(output, step, stage)
            + CommandTranscript.marked(run.errors, "!", stage) + "exit \(exit ?? -1)\n"
    }

    private func shown(_ output: String, _ step: CommandStep, _ stage: CommandStage) -> String {
        switch step.view {
        case .whole: return CommandTranscript.marked(output, "|", stage)
        case .last:
            return CommandTranscript.marked(CommandTranscript.last(output), "|", stage)
        case .head(let count):
            let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count > count, "\(step.line)")
            let head = lines.prefix(count).map { $0 + "\n" }.joined()
            return CommandTranscript.marked(head, "|", stage) + "  (and so on)\n"
        case .ours:
            // The other lines are about whatever else runs on the machine.
            let ours = Set(stage.ports.values.map { "\($0)" })
            let lines = output.split(separator: "\n").filter { line in
                line.contains("PORT")
                    || ours.contains(line.split(separator: " ").first.map(String.init) ?? "")
            }.map { $0 + "\n" }
            // How wide the columns are, too, with what fills them inside of a colour.
            return CommandTranscript.marked(lines.joined(), "|", stage)
                .replacing(#/ +/#, with: " ").replacing(" <ESC>[0m", with: "<ESC>[0m")
        case .json, .jsonLines:
            #expect(!output.contains("\u{1B}") && output.hasSuffix("\n"), "\(step.line)")
            let lines = output.split(separator: "\n")
            if step.view == .json { #expect(lines.count == 1, "\(step.line): \(output)") }
            return lines.map { line in
                let keys = keys(JSONValue(Array(line.utf8)))
                #expect(keys != nil, "\(step.line) is no JSON: \(line)")
                return "| {\(keys ?? "")}\n"
            }.joined()
        }
    }

    /// The keys of an object; nil for anything else.
    private func keys(_ value: JSONValue?) -> String? {
        guard case .object(let members) = value else { return nil }
        return members.keys.sorted().joined(separator: ", ")
    }

    /// The lines from the first that differs on.
    private func difference(_ golden: String, _ told: String) -> String {
        let old = golden.split(separator: "\n", omittingEmptySubsequences: false)
        let new = told.split(separator: "\n", omittingEmptySubsequences: false)
        let same = zip(old, new).prefix { $0 == $1 }.count
        func lines(_ mark: String, _ all: [Substring]) -> String {
            all.dropFirst(same).prefix(12).map { "\(mark) \($0)\n" }.joined()
        }
        return "line \(same + 1)\n" + lines("-", old) + lines("+", new)
    }
}
