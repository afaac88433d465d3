// gr.toml: what is taken, that every complaint names its line and key, and that a file which means
// harm is a file with mistakes in it.

import TestSupport
import Testing

@testable import Gretl

/// A file with something wrong in it, the line, and words the complaint must hold.
private struct BadProject: Sendable, CustomTestStringConvertible {
    let text: String
    let line: Int?
    let words: [String]

    init(_ text: String, _ line: Int?, _ words: String...) {
        self.text = text
        self.line = line
        self.words = words
    }

    var testDescription: String { String(text.prefix(60)) }
}

private let web = "[service.web]\nport = 80\ncmd = \"run\"\n"

private let badOnes = [
    BadProject("[service.web]\nport = 1\nport = 2", 3, "redefine existing integer 'port'"),
    BadProject(web + "[service.web]\ncmd = \"x\"", 4, "existing table 'service.web'"),
    BadProject("project = \"a\"\n\n project = \"b\"", 3, "existing string 'project'"),
    BadProject("projct = \"a\"", 1, "unknown key \"projct\"", "did you mean \"project\""),
    BadProject("env-flie = \"a\"", 1, "did you mean \"env_file\""),
    BadProject("\n[services.web]\nport = 1", 2, "did you mean \"service\""),
    BadProject("[web]\nport = 1\ncmd = \"x\"", 1, "did you mean [service.web]?"),
    BadProject("zzzzzzz = 1", 1, "unknown key", "known are project, root"),
    BadProject("project = 1", 1, "project must be text in quotes, not a whole number"),
    BadProject("project = \"\"", 1, "1 to 1024 bytes"),
    BadProject("project = \"a\\u001bb\"", 1, "no control characters"),
    BadProject("root = \"..\"", 1, "root leads out of the folder"),
    BadProject("root = \"/etc\"", 1, "root leads out of the folder"),
    BadProject("root = \"a/../../srv2\"", 1, "root leads out of the folder"),
    BadProject("prefix = \"a b\"", 1, "prefix must be"),
    BadProject("prefix = \"@\"", 1, "prefix must be"),
    BadProject("service = 1", 1, "service must be a table"),
    BadProject("[service]\nweb = 1", 2, "service.web must be a table, as in [service.NAME]"),
    BadProject("[service.web]\ncmd = \"x\"", 1, "service.web.port is missing", "port = false"),
    BadProject(web + "prot = 1", 4, "\"service.web.prot\"", "did you mean \"service.web.port\""),
    BadProject(web + "depends = []", 4, "did you mean \"service.web.depends_on\""),
    BadProject(web + "dependsOn = []", 4, "did you mean \"service.web.depends_on\""),
    BadProject(web + "command = \"x\"", 4, "unknown key \"service.web.command\""),
    BadProject("[service.web]\nport = \"80\"", 2, "service.web.port is a string, not a number"),
    BadProject("[service.web]\nport = 0", 2, "service.web.port is out of range"),
    BadProject("[service.web]\nport = 65536", 2, "service.web.port is out of range"),
    BadProject("[service.web]\nport = 80.5", 2, "service.web.port"),
    BadProject("[service.web]\nport = true", 2, "service.web.port"),
    BadProject("[service.web]\nport = 2026-01-01", 2, "service.web.port"),
    BadProject("[service.web]\nport = 80\ncmd = 1", 3, "service.web.cmd is a number"),
    BadProject("[service.web]\nport = 80\ncmd = \"\"", 3, "service.web.cmd"),
    BadProject("[service.web]\nport = 80\ncmd = \"a\\u0000b\"", 3, "service.web.cmd", "NUL"),
    BadProject(web + "cwd = 1", 4, "service.web.cwd must be text"),
    BadProject(web + "group = \"jobs\"", 4, "service.web.group", "start with @"),
    BadProject(web + "group = \"@\"", 4, "service.web.group has no name behind the @"),
    BadProject("prefix = \"w-\"\n" + web + "group = \"@\"", 5, "has no name behind the @"),
    BadProject(web + "group = \"@a\\u009bb\"", 4, "service.web.group contains control"),
    BadProject(web + "group = \"@g\\u0007\"", 4, "service.web.group contains control"),
    BadProject("[service.web]\nport = 80\ncmd = \"\"", 3, "; leave it out for the default"),
    BadProject("[service.w]\nport = 80\nlisten = true", 1, "somebody else", "; set 'cmd'"),
    BadProject(web + "ready = \"https://example.com/\"", 4, "service.web.ready"),
    BadProject("[service.w]\nport = false\nready = \"/x\"", 3, "service.w.ready", "it has none"),
    BadProject(web + "depends_on = \"db\"", 4, "service.web.depends_on must be a list"),
    BadProject(web + "depends_on = [1]", 4, "service.web.depends_on"),
    BadProject(web + "depends_on = [\"web\"]", 4, "service.web.depends_on", "depends on itself"),
    BadProject(web + "depends_on = [\"web\"]", 4, "itself; remove it from 'depends_on'"),
    BadProject(web + "depends_on = [\"@x\"]", 4, "service.web.depends_on"),
    BadProject("prefix = \"a\u{061C}-\"", 1, "prefix", "no control characters"),
    BadProject("project = \"a\u{200F}b\"", 1, "project", "no control characters"),
    BadProject(web + "restart_with = [\"db\"]", 4, "'restart_with' names 'db'"),
    BadProject(web + "restart = \"allways\"", 4, "service.web.restart", "never, on-failure"),
    BadProject(web + "log_file = \"../x.log\"", 4, "service.web.log_file leads out of the root"),
    BadProject(web + "log_file = \"/etc/passwd\"", 4, "log_file leads out of the root"),
    BadProject(web + "log_file = \"~/.bashrc\"", 4, "log_file leads out of the root"),
    BadProject(web + "log_file = \"/home/me/.gr/state.db\"", 4, "leads out of the root"),
    BadProject(web + "stop_signal = \"SIGKILL\"", 4, "service.web.stop_signal", "is none of"),
    BadProject(web + "tty = \"yes\"", 4, "service.web.tty is a string, not true or false"),
    BadProject(web + "listen = true", 1, "[service.web]", "ready check"),
    BadProject(web + "env = 1", 4, "service.web.env must be a table"),
    BadProject(web + "[service.web.env]\nA = [1]", 5, "service.web.env.A must be text in quotes"),
    BadProject(web + "env = { PORT = 81 }", 4, "service.web.env.PORT: is not the port"),
    BadProject(
        web + "env.GRETL_NAME = \"x\"", 4, "service.web.env.GRETL_NAME: is set by the daemon"),
    BadProject(web + "[service.web.env]\nA = 1\nGRETL_DAEMON = 1", 6, "env.GRETL_DAEMON: is set"),
    BadProject(web + "[service.web.env]\n\"A=B\" = \"s3cret\"", 4, "cannot be a variable's name"),
    BadProject("[service.\"7401\"]\nport = 1", 1, "which would mean a port"),
    BadProject("[service.\"@x\"]\nport = 1", 1, "cannot be a service's name"),
    BadProject("[service.\"\"]\nport = 1", 1, "a name has 1 to"),
    BadProject("[service.\"a\\u001b[2J\"]\nport = 1", 1, "control characters"),
    BadProject("[group.jobs]", 1, "[group.\"@jobs\"]"),
    BadProject("[group.\"@jobs\"]\nparalell = true", 2, "group.\"@jobs\".parallel"),
    BadProject("[group.\"@jobs\"]\nparallel = 1", 2, "must be true or false"),
    BadProject("[group.\"@jobs\"]\ndescription = \"a\\u0007\"", 2, "control characters"),
    BadProject("port = ", 1),
    BadProject(web + "port = 81", 4),
    BadProject(web + "\u{0}", 4),
    BadProject("a = \"unterminated", 1),
]

private let circle = """
    [service.a]
    port = false
    cmd = "x"
    depends_on = ["b"]
    [service.b]
    port = false
    cmd = "x"
    depends_on = ["a"]
    """

struct ProjectTests {
    private func parse(_ text: String, prefix: String? = nil) throws(ConfigurationError) -> Project
    {
        var place = Project.Place(file: "gr.toml", folder: "/srv/shop")
        place.userHome = "/home/me"
        place.home = "/home/me/.gr"
        place.prefix = prefix
        return try Project.parse(Array(text.utf8), at: place)
    }

    @Test(arguments: badOnes)
    private func `what is wrong is named with its line and key`(_ bad: BadProject) throws {
        let error = try #require(throws: ConfigurationError.self) { try parse(bad.text) }
        let problem = error.problems.first { problem in
            bad.words.allSatisfy { problem.message.contains($0) } && problem.line == bad.line
        }
        #expect(problem != nil, "\(error)")
        let isPlain = error.description.unicodeScalars.allSatisfy {
            $0 == "\n" || ($0.value >= 0x20 && !(0x7F...0x9F).contains($0.value))
        }
        #expect(isPlain && !error.description.contains("s3cret"), "\(error)")
    }

    @Test func `everything wrong is listed at once, in the order of the lines`() throws {
        let text = "zzz = 1\n[service.web]\nport = 0\nprot = 1\n[service.db]\ncmd = 3\n" + circle
        let error = try #require(throws: ConfigurationError.self) { try parse(text) }
        #expect(error.problems.map(\.line) == [1, 3, 4, 5, 6, 10])
    }

    @Test func `every wrong variable of a table is told`() throws {
        let error = try #require(throws: ConfigurationError.self) {
            try parse(web + "env = { A = 1.5, B = [1], OK = 1, C = {} }")
        }
        #expect(error.problems.count == 3)
        for name in ["A", "B", "C"] {
            #expect(error.description.contains("service.web.env.\(name) must be"), "\(error)")
        }
    }

    @Test func `no service is offered itself, nor a name that is far off`() throws {
        let project = try parse(
            "[service.hz]\nport = false\ndepends_on = [\"d1\", \"hx\"]\n[service.q7]\nport = false")
        #expect(project.warnings.count == 2)
        for warning in project.warnings { #expect(!warning.message.contains("did you mean")) }
    }

    @Test func `a circle is told once, with its path`() throws {
        let error = try #require(throws: ConfigurationError.self) { try parse(circle) }
        #expect(error.problems.count == 1)
        #expect(error.description.contains("gr.toml:4:"))
        #expect(error.description.contains("a -> b -> a"))
    }

    @Test func `all keys arrive, paths begin at the root, and the prefix is put everywhere`() throws
    {
        let text = """
            project = "shop"
            root = "app"
            env_file = "dev.env"
            prefix = "wip-"
            [service.db]
            port = 5432
            group = "@data"
            [service.web]
            port = 3000
            cmd = "npm start"
            cwd = "front"
            group = "@site"
            ready = "/health"
            depends_on = ["db", "shared"]
            restart_with = ["db"]
            restart = "always"
            log_file = "log/web.log"
            start = "on-demand"
            autostart = true
            tty = true
            stop_signal = "SIGINT"
            env = { A = "x", B = 1, C = true }
            [service.mailer]
            port = false
            cmd = "work"
            cwd = "~/mail"
            log_file = "/home/me/.gr/logs/mail.log"
            [group."@site"]
            description = "what people see"
            parallel = false
            """
        let project = try parse(text)
        #expect(project.name == "shop" && project.root == "/srv/shop/app")
        #expect(project.folder == "/srv/shop")
        #expect(project.environmentFile == .init(path: "/srv/shop/app/dev.env", line: 3))
        #expect(project.services.map(\.spec.name) == ["wip-db", "wip-web", "wip-mailer"])
        #expect(project.services.map(\.name) == ["db", "web", "mailer"])
        var web = ServiceSpec(name: "wip-web")
        web.port = 3000
        web.command = "npm start"
        web.directory = "/srv/shop/app/front"
        web.group = "@wip-site"
        web.ready = "http://localhost:3000/health"
        web.dependsOn = ["wip-db", "shared"]
        web.restartWith = ["wip-db"]
        web.restart = .always
        web.logFile = "/srv/shop/app/log/web.log"
        web.startMode = .onDemand
        web.autostart = true
        web.tty = true
        web.stopSignal = "SIGINT"
        web.environment = ["A": "x", "B": "1", "C": "true"]
        #expect(project.services[1].spec == web)
        #expect(project.services[0].spec.directory == nil && project.services[0].spec.port == 5432)
        #expect(project.services[2].spec.port == nil)
        #expect(project.services[2].spec.directory == "/home/me/mail")
        #expect(project.groups.map(\.name) == ["@wip-site"] && !project.groups[0].isParallel)
        let told = project.warnings.map(\.message)
        #expect(told == ["service.web.depends_on: \"shared\" is not in this file"])
        #expect(project.warnings.map(\.line) == [14])
    }

    @Test func `a prefix from outside wins over the file's, and an empty one takes it away`() throws
    {
        let text = "prefix = \"a-\"\n" + web
        #expect(try parse(text).services[0].spec.name == "a-web")
        #expect(try parse(text, prefix: "b-").services[0].spec.name == "b-web")
        #expect(try parse(text, prefix: "").services[0].spec.name == "web")
    }

    @Test func `an empty file is a project without services, named after its folder`() throws {
        let project = try parse("")
        #expect(project.name == "shop" && project.services.isEmpty && project.prefix.isEmpty)
        #expect(project.environmentFile == .init(path: "/srv/shop/.env", line: nil))
    }

    @Test func `what is probably not meant is a warning with its line`() throws {
        let text = """
            [service.web]
            port = 80
            depends_on = ["bd"]
            [service.db]
            port = 80
            [group."@nobody"]
            """
        let project = try parse(text)
        #expect(project.warnings.map(\.line) == [3, 4, 6])
        #expect(project.warnings[0].message.contains("did you mean \"db\"?"))
        #expect(project.warnings[1].message.contains("has port 80, too"))
    }

    @Test func `a file of any size and depth is refused in bounded time and words`() throws {
        let dots = "a" + String(repeating: ".a", count: 400_000) + " = 1"
        let nested = (0..<16).map { _ in
            "{" + (0..<31).map { _ in "a" }.joined(separator: ".") + " = "
        }
        for text in [
            dots, "[" + dots.dropLast(4) + "]", "a = " + String(repeating: "[", count: 500_000),
            "a = " + String(repeating: "{ a = ", count: 100_000),
            "\"a\"" + String(repeating: ".\"a\"", count: 100_000) + " = 1",
            "a = [\n" + String(repeating: "[\n", count: 100),
            String(repeating: "x", count: 2 << 20),
            (0..<5_000).map { "[service.s\($0)]\nport = false\n" }.joined(),
            (0..<20_000).map { "wrong\($0) = 1" }.joined(separator: "\n"),
            (0..<5_000).map { "[service.s\($0)]\n" }.joined(),
        ] {
            let error = try #require(throws: ConfigurationError.self) { try parse(text) }
            #expect(error.problems.count <= 51 && error.description.utf8.count < 20_000)
        }
        // As deep as is let through: it is read without harm.
        let deep = "x = " + nested.joined() + "1" + String(repeating: "}", count: 16)
        let error = try #require(throws: ConfigurationError.self) { try parse(deep) }
        #expect(error.problems.count == 1)
    }

    @Test func `dots and brackets in strings and comments are no depth`() throws {
        let dots = String(repeating: ".", count: 200)
        let brackets = String(repeating: "[{", count: 100)
        let whole = try parse(
            "# \(dots)\(brackets)\n[service.web]\nport = false\ncmd = '''\n\(dots)\n'\(brackets)'''\n"
                + "log_file = \"\(String(repeating: "x.", count: 60))\"\n")
        let quoted = try parse(
            "[service.web]\nport = false\ncmd = \"a \\\" \(dots)\(brackets)\"\n"
                + "env.A = \"\"\"x\\\"\"\"\\\n\(dots)\(brackets)\"\"\"\"\n")
        #expect(quoted.services[0].spec.command == "a \" \(dots)\(brackets)")
        #expect(quoted.services[0].spec.environment["A"] == "x\"\"\"\(dots)\(brackets)\"")
        #expect(whole.services[0].spec.command == "\(dots)\n'\(brackets)")
    }

    @Test func `no prefix of a file and no byte in it does harm`() {
        let text = Array("prefix = \"p\"\n\(web)env = { A = \"b\" }\n\(circle)".utf8)
        let place = Project.Place(file: "gr.toml", folder: "/srv")
        for end in text.indices { _ = try? Project.parse(Array(text[..<end]), at: place) }
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<2_000 {
            var bytes = text
            for _ in 0..<3 {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            _ = try? Project.parse(bytes, at: place)
        }
    }
}
