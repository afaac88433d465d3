// gr completion: the scripts in the shells they are for. Names of services can be anything, so what
// is tested most is that they arrive as they are and that nothing in them is run.

import TestSupport
import Testing

@Suite struct CompletionTests {
    let folder = TemporaryFolder()

    private static func gr(_ words: String..., environment: [String] = []) throws -> ProgramResult {
        try Program.run([BuildProducts.gr] + words, environment: environment)
    }

    /// A daemon with services of these names.
    private func daemon(_ names: [String]) throws -> DaemonProcess {
        let daemon = try DaemonProcess()
        for name in names {
            let quoted = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            let body = "{\"name\":\"\(quoted)\",\"port\":null,\"group\":\"@all\"}"
            #expect(try daemon.ask("POST", "/v1/services", body).status == 201, "\(name)")
        }
        return daemon
    }

    /// Types each line and compares what came of it.
    private func expect(
        _ cases: [(typed: String, becomes: String)], in shell: DrivenShell, home: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let found = try ShellDriver.complete(
            cases.map(\.typed), in: shell, folder: folder.path, environment: ["GR_HOME=\(home)"])
        #expect(found.count == cases.count, sourceLocation: sourceLocation)
        for (one, result) in zip(cases, found) {
            #expect(
                result == one.becomes, "\(shell): \(one.typed)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: DrivenShell.allCases)
    func commandsOptionsAndValuesAreCompleted(shell: DrivenShell) throws {
        let daemon = try daemon(["plain-web"])
        try TextFile.make(folder: folder.file("deep-folder"))
        let cases = [
            ("show vers", "[version]"), ("show daemon statu", "[daemon][status]"),
            ("show help compl", "[help][completion]"),
            ("show help daemon statu", "[help][daemon][status]"),
            ("show ls --sta", "[ls][--status]"), ("show ls -s fai", "[ls][-s][failed]"),
            ("show ls --status fai", "[ls][--status][failed]"),
            ("show ls --status=fai", "[ls][--status=failed]"),
            ("show --color=alw", "[--color=always]"), ("show --color alw", "[--color][always]"),
            ("show completion zs", "[completion][zsh]"),
            ("show --json status plai", "[--json][status][plain-web]"),
            ("show -q status plai", "[-q][status][plain-web]"),
            ("show stop other plai", "[stop][other][plain-web]"),
            ("show stop --grace 5s plai", "[stop][--grace][5s][plain-web]"),
            ("show add x --depends-on plai", "[add][x][--depends-on][plain-web]"),
            ("show add x --cmd plai", "[add][x][--cmd][plai]"),
            ("show ls @al", "[ls][@all]"), ("show start @al", "[start][@all]"),
            ("show stop plain-web '@al", "[stop][plain-web][@all]"),
            ("show add x --group @al", "[add][x][--group][@all]"),
            ("show add x --group=@al", "[add][x][--group=@all]"),
            ("show url plain-web plai", "[url][plain-web][plai]"),
        ]
        try expect(cases, in: shell, home: daemon.home)
        // What is in the file need not be registered.
        TemporaryFolder.write(
            "[service.from-file]\nport = false\ncmd = \"touch ran\"\ngroup = \"@file\"\n",
            to: folder.file("gr.toml"))
        try expect(
            [
                ("show up from", "[up][from-file]"), ("show up x @fi", "[up][x][@file]"),
                ("show up --timeout 5s from", "[up][--timeout][5s][from-file]"),
                ("show up --pla", "[up][--plan]"), ("show down plai", "[down][plain-web]"),
                ("show down @al", "[down][@all]"),
            ], in: shell, home: daemon.home)
        let slash = shell == .zsh ? "" : "/"
        TemporaryFolder.write("", to: folder.file("one-file.toml"))
        try expect(
            [
                ("show --home deep", "[--home][deep-folder\(slash)]"),
                ("show add x --cwd deep", "[add][x][--cwd][deep-folder\(slash)]"),
                ("show add x --cwd=deep", "[add][x][--cwd=deep-folder\(slash)]"),
                ("show up --file one-", "[up][--file][one-file.toml]"),
                ("show up -f one-", "[up][-f][one-file.toml]"),
                ("show up --file=one-", "[up][--file=one-file.toml]"),
            ], in: shell, home: "/")
    }

    @Test(arguments: DrivenShell.allCases)
    func portsThatSomebodyListensOnAreCompleted(shell: DrivenShell) throws {
        let daemon = try daemon([])
        // What is typed must not be the beginning of another one, of this machine's other tests.
        var holders: [Holder] = []
        var port = ""
        for _ in 0..<50 where port.isEmpty {
            // Below the ports the kernel hands out, which other tests hold in rows.
            let holder = Holder("127.0.0.1", port: .random(in: 20_000..<30_000))
            guard holder.isListening else { continue }
            holders.append(holder)
            let beginning = "\(holder.port)".dropLast()
            let listed = try daemon.ask("GET", "/v1/ports").json["ports"].items
            let alike = Set(listed.compactMap { $0["port"].integer }).count {
                "\($0)".hasPrefix(beginning)
            }
            if alike == 1 { port = "\(holder.port)" }
        }
        try #require(!port.isEmpty)
        let typed = port.dropLast()
        try expect(
            [
                ("show kill \(typed)", "[kill][\(port)]"),
                ("show kill :\(typed)", "[kill][:\(port)]"),
                ("show who \(typed)", "[who][\(port)]"),
                ("show who :\(typed)", "[who][:\(port)]"),
                ("show adopt \(typed)", "[adopt][\(port)]"),
                // One that nobody has is wanted here.
                ("show add x --port \(typed)", "[add][x][--port][\(typed)]"),
            ], in: shell, home: daemon.home)
        #expect(holders.allSatisfy { $0.isListening })
    }

    @Test(arguments: DrivenShell.allCases)
    func namesArriveAsTheyAreAndNothingInThemIsRun(shell: DrivenShell) throws {
        let names = [
            "my service", "a:b:c", "it's", "say \"hi\"", "$(touch ran1)", "`touch ran2`",
            "back\\slash", "semi;touch ran3", "été", "per%cent", "new{a,b}", "eq=ual", "<lt",
            "[br]", "two words:and=more", "ex!clam", "pipe|touch ran4", "me@host", "~tilde",
        ]
        let daemon = try daemon(names)
        var cases = [
            ("my", "my service"), ("'my", "my service"), ("\"my", "my service"),
            ("my\\ s", "my service"), ("a:", "a:b:c"), ("a:b:", "a:b:c"), ("it", "it's"),
            ("\"it", "it's"), ("sa", "say \"hi\""), ("\\$", "$(touch ran1)"),
            ("'$(t", "$(touch ran1)"), ("\"\\$(t", "$(touch ran1)"), ("\\`", "`touch ran2`"),
            ("'`t", "`touch ran2`"), ("back", "back\\slash"), ("sem", "semi;touch ran3"),
            ("ét", "été"), ("per", "per%cent"), ("new", "new{a,b}"), ("eq=", "eq=ual"),
            ("\\<", "<lt"), ("two\\ words:and=", "two words:and=more"),
            ("\"two words:an", "two words:and=more"), ("ex", "ex!clam"),
            ("pip", "pipe|touch ran4"), ("me@", "me@host"), ("'~t", "~tilde"),
        ].map { ("show status \($0.0)", "[status][\($0.1)]") }
        // A wildcard of fish, in front of it.
        if shell != .fish { cases.append(("show status \\[", "[status][[br]]")) }
        try expect(cases, in: shell, home: daemon.home)
        let left = ProcessTable.folderNames(folder.path).filter { $0.hasPrefix("ran") }
        #expect(left.isEmpty, "\(shell) ran a name: \(left)")
    }

    @Test(arguments: DrivenShell.allCases)
    func withoutADaemonNothingIsOfferedAndNoneIsStarted(shell: DrivenShell) throws {
        let home = folder.file("nobody")
        let cases = [("show status plai", "[status][plai]"), ("show vers", "[version]")]
        try expect(cases, in: shell, home: home)
        #expect(!ProcessTable.folderNames(folder.path).contains("nobody"))
    }

    @Test func theScriptsAreCleanForTheirCheckers() throws {
        for (shell, checker) in [
            ("bash", ["shellcheck"]), ("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]),
            ("fish", ["fish", "-n"]),
        ] {
            let script = try Self.gr("completion", shell)
            #expect(script.exit == 0 && script.errors.isEmpty)
            let file = folder.file("script.\(shell)")
            TemporaryFolder.write(script.output, to: file)
            let checked = try Program.run(checker + [file], environment: ["LC_ALL=C.UTF-8"])
            let said = checked.output + checked.errors
            #expect(checked.exit == 0 && said.isEmpty, "\(checker): \(said)")
        }
    }

    @Test func everyCommandAndOptionOfTheTableIsOffered() throws {
        let table = JSONValue(Array(try Self.gr("help", "--json").output.utf8)) ?? .missing
        let commands = table["commands"].items
        try #require(commands.count > 10)
        var asked: [(line: String, wanted: String)] = []
        for command in commands {
            let name = command["name"].text ?? ""
            let parts = name.split(separator: " ")
            asked.append(
                ("gr \(parts.dropLast().joined(separator: " "))", String(parts.last ?? "")))
            for option in command["options"].items {
                asked.append(("gr \(name) --", "--\(option["name"].text ?? "")"))
            }
        }
        let script = #"""
            source <("$0" completion bash)
            for line; do
                COMP_LINE=$line COMP_POINT=${#line}
                [[ $line == *-- ]] || { COMP_LINE+=' '; COMP_POINT=$((COMP_POINT + 1)); }
                _gr
                echo " ${COMPREPLY[*]} "
            done
            """#
        let result = try Program.run(
            ["bash", "-c", script, BuildProducts.gr] + asked.map(\.line), seconds: 60)
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == asked.count + 1, "\(result.errors)")
        for (one, offered) in zip(asked, lines) {
            #expect(offered.contains(" \(one.wanted) "), "\(one.line): \(one.wanted)")
        }
        for shell in ["zsh", "fish"] {
            let script = try Self.gr("completion", shell).output
            for one in asked {
                #expect(script.contains("'\(one.wanted)"), "\(shell): \(one.wanted)")
            }
        }
    }

    @Test(arguments: DrivenShell.allCases)
    func runsAndGoalsAreCompleted(shell: DrivenShell) throws {
        let stage = try RunStage(["Makefile": "test:\n\t@true\n"])
        try stage.model.script(RunStage.reply("Nothing is to be done."))
        let run = try stage.start("make-test", iterations: 1)
        try stage.end(of: run)
        let cases = [
            ("show runs show \(run.prefix(3))", "[runs][show][\(run)]"),
            ("show runs rm other \(run.prefix(3))", "[runs][rm][other][\(run)]"),
            ("show run make", "[run][make-test]"),
        ]
        try expect(cases, in: shell, home: stage.daemon.home)
    }

    @Test func anUnknownShellIsAUsageErrorThatNamesTheOthers() throws {
        let result = try Self.gr("completion", "tcsh")
        #expect(result.exit == 2)
        #expect(result.output.isEmpty)
        for shell in ["bash", "zsh", "fish"] { #expect(result.errors.contains(shell)) }
    }
}

extension TextFile {
    /// Makes a folder.
    static func make(folder: String) throws {
        let made = try Program.run(["mkdir", "-p", folder])
        #expect(made.exit == 0)
    }
}
