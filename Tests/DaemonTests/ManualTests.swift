// gr man: the manual pages, checked by the two programs that show them.

import TestSupport
import Testing

@Suite struct ManualTests {
    let folder = TemporaryFolder()

    @Test(arguments: ["gr", "gr.toml"])
    func aPageIsWithoutFaultsForManAndMandoc(page: String) throws {
        let made = try Program.run([BuildProducts.gr, "man", page])
        #expect(made.exit == 0 && made.errors.isEmpty)
        let file = folder.file(page == "gr" ? "page.1" : "page.5")
        TemporaryFolder.write(made.output, to: file)
        let lint = try Program.run(["mandoc", "-Tlint", file])
        #expect(lint.exit == 0, "\(lint.output)\(lint.errors)")
        let shown = try Program.run(
            ["man", "--warnings", "-l", file],
            environment: ["LC_ALL=C.UTF-8", "MANWIDTH=80", "MANPAGER=cat", "TERM=dumb"])
        #expect(shown.exit == 0)
        #expect(shown.errors.isEmpty, "\(shown.errors)")
        #expect(shown.output.contains("NAME"))
    }

    @Test func thePageOfGrNamesEveryCommandAndOption() throws {
        let made = try Program.run([BuildProducts.gr, "man"])
        let file = folder.file("gr.1")
        TemporaryFolder.write(made.output, to: file)
        let shown = try Program.run(
            ["man", "-l", file],
            environment: ["LC_ALL=C.UTF-8", "MANWIDTH=200", "MANPAGER=cat", "TERM=dumb"])
        let help = try Program.run([BuildProducts.gr, "help", "--json"])
        let commands = (JSONValue(Array(help.output.utf8)) ?? .missing)["commands"].items
        try #require(commands.count > 10)
        for command in commands {
            let usage = command["usage"].text ?? "?"
            #expect(shown.output.contains("   \(usage)\n"), "\(usage)")
            for option in command["options"].items {
                let name = option["name"].text ?? "?"
                #expect(shown.output.contains("--\(name)"), "\(usage): \(name)")
            }
        }
    }

    @Test func onATerminalAPageIsShownByManWhenThatIsThere() throws {
        func terminal(_ path: String) throws -> String {
            try Program.run(
                ["/usr/bin/script", "-qec", "\(BuildProducts.gr) man gr.toml", "/dev/null"],
                environment: [
                    "PATH=\(path)", "TERM=dumb", "LC_ALL=C.UTF-8", "MANPAGER=/bin/cat",
                    "SHELL=/bin/sh",
                ]
            ).output
        }
        let shown = try terminal("/usr/local/bin:/usr/bin:/bin")
        #expect(shown.contains("gr.toml") && !shown.contains(".SH"), "\(shown)")
        #expect(try terminal("/nowhere").contains(".SH"))
    }

    @Test func anUnknownPageIsAUsageError() throws {
        let result = try Program.run([BuildProducts.gr, "man", "ls"])
        #expect(result.exit == 2 && result.output.isEmpty)
        #expect(result.errors.contains("it is one of: gr"), "\(result.errors)")
    }
}
