// The small world in which every command is run for its golden output: services in each state, a
// group, ports held by programs of nobody's, folders with a gr.toml, and a home folder without a
// daemon. One of it for the tour on pipes and one for that on terminals.

import Glibc
import TestSupport
import Testing

/// Where the commands of a tour run.
final class CommandStage {
    /// What a command is run on.
    enum Surface: String, CaseIterable, Sendable { case pipe, terminal }

    /// The folder a command runs in; the last has a daemon of its own, which does not run yet.
    enum Place: Sendable { case folder, repo, failing, broken, spare }

    let surface: Surface
    private let world: UpFixture
    private let spare = BackgroundDaemon()
    /// By the five characters that stand for them.
    let ports: [String: UInt16]
    private var outsiders: [Outsider] = []
    private let user: String
    private let version: String

    var services: ServiceFixture { world.services }

    init(_ surface: Surface) throws {
        self.surface = surface
        world = try UpFixture()
        // All of five digits, so that a placeholder of five characters keeps columns in line.
        var ports: [String: UInt16] = [:]
        let names = [
            "P_WEB", "P_API", "P_BAD", "P__DB", "PBUSY", "P_OUT", "PFREE", "P_DEV", "P_LIC",
            "PHELD",
        ]
        // A list of ports has the same order then.
        let free = names.map { _ in ServiceFixture.freePort() }.sorted()
        for (name, port) in zip(names, free) { ports[name] = port }
        self.ports = ports
        user = try Program.run(["id", "-un"]).output.replacing("\n", with: "")
        version = try Program.run([BuildProducts.gr, "version", "-q"]).output
            .replacing("\n", with: "")
        for name in ["P__DB", "PBUSY", "P_OUT", "PHELD"] {
            outsiders.append(try Outsider(listensOn: ["127.0.0.1:\(port(name))"]))
        }
        try populate()
        writeFiles()
    }

    func port(_ name: String) -> UInt16 { ports[name] ?? 0 }

    private func populate() throws {
        try services.register(
            "web", port: port("P_WEB"), env: ["GREETING": "hello you"],
            more: #""group":"@site","restart":"never""#)
        try services.register(
            "api", port: port("P_API"), more: #""group":"@site","dependsOn":["web"]"#)
        try services.register("worker", command: "exec sleep 600", more: #""group":"@jobs""#)
        try services.register(
            "bad", port: port("P_BAD"), command: "echo no config; sleep 0.3; exit 3",
            more: #""restart":"never""#)
        let db = "{\"name\":\"db\",\"port\":\(port("P__DB")),\"group\":\"@data\"}"
        #expect(try services.daemon.ask("POST", "/v1/services", db).status == 201)
        try services.register("busy", port: port("PBUSY"), more: #""group":"@jobs""#)
        try services.register(
            "repl",
            command: #"exec perl -e '$| = 1; print "hello\n"; while (<STDIN>) { chomp; "#
                + #"print "got $_\n" } exit 5'"#, more: #""tty":true,"restart":"never""#)
        for name in ["web", "worker", "repl"] {
            try #require(try services.start(name).status == 200)
        }
        _ = try services.start("bad")
        try #require(try services.waits("bad", for: "failed", within: 30_000))
        try #require(try services.waits("db", for: "running", within: 30_000))
        // What comes a moment later than the status: measured values, and lines of the logs.
        for name in ["web", "worker", "repl"] {
            try #require(
                try eventually(within: 30_000) { try services.service(name)["cpu"] != .null })
        }
        for (name, text) in [("web", "listening\n"), ("bad", "no config\n"), ("repl", "hello")] {
            let log = services.daemon.file("logs/\(name).log")
            try #require(eventually(within: 30_000) { TextFile.read(log)?.contains(text) == true })
        }
    }

    private func writeFiles() {
        world.write(
            """
            [service.cache]
            port = false
            cmd = "exec sleep 600"
            group = "@dev"
            [service.site]
            port = \(port("P_DEV"))
            cmd = "exec perl \(world.folder.file("server.pl"))"
            group = "@dev"
            depends_on = ["cache"]

            """)
        world.write(
            """
            [service.one]
            prot = 3000
            cmd = "exec sleep 600"
            [service.two]
            port = 99999
            depends_on = ["three"]

            """, in: "broken")
        world.write(
            """
            [service.fine]
            port = false
            cmd = "exec sleep 600"
            [service.unlicensed]
            port = \(port("P_LIC"))
            cmd = "echo no license; exit 4"
            restart = "never"
            [service.held]
            port = \(port("PHELD"))
            cmd = "exec perl \(world.folder.file("server.pl"))"
            [service.behind]
            port = false
            cmd = "exec sleep 600"
            depends_on = ["unlicensed"]

            """, in: "failing")
    }

    // MARK: Runs

    private func directory(_ place: Place) -> String {
        switch place {
        case .folder: world.folder.path
        case .repo: world.folder.file("repo")
        case .failing: world.folder.file("failing")
        case .broken: world.folder.file("broken")
        case .spare: spare.user
        }
    }

    /// Begins one command: `gr` and its words, and before it variables.
    func begin(
        _ words: [String], in place: Place, input: String?, columns: UInt16
    ) throws -> CommandProcess {
        let isSpare = place == .spare
        let variables = words.prefix { $0 != "gr" }
        return try CommandProcess(
            [BuildProducts.gr] + words.dropFirst(variables.count + 1),
            environment: [
                "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC",
                "TERM=xterm-256color", "HOME=\(isSpare ? spare.user : world.folder.path)",
                "GR_HOME=\(isSpare ? spare.home : world.daemon.home)",
            ] + variables, on: surface == .pipe ? .pipes : .terminal(rows: 30, columns: columns),
            input: input, directory: directory(place))
    }

    /// A command line with the ports in it, as words.
    func words(_ line: String) -> [String] {
        var line = line
        for (name, port) in ports { line = line.replacing(name, with: "\(port)") }
        // What stands between quotes is one word.
        let parts = line.split(separator: "'", omittingEmptySubsequences: false)
        return parts.enumerated().flatMap { index, part in
            index % 2 == 1 ? [String(part)] : part.split(separator: " ").map(String.init)
        }
    }

    /// What stands for a text that is another one in every run.
    var names: [(value: String, name: String)] {
        var names = [
            (world.daemon.home, "<home>"), (world.folder.path, "<folder>"),
            (spare.home, "<spare>"), (spare.user, "<user>"), (BuildProducts.directory, "<bin>"),
            (version, "VERSION"),
            ("user \(user)", "user USER"), (" \(user) ", " USER "),
        ]
        let address = TextFile.read(spare.file("address")) ?? ""
        if let line = address.split(separator: "\n").first { names.append((String(line), "<url>")) }
        return names
    }

    /// The same for numbers, which are whole.
    var numbers: [(value: String, name: String)] {
        ports.map { ("\($0.value)", $0.key) } + [("\(world.daemon.port)", "P__GR")]
    }
}
