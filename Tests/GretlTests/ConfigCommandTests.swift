// gr config check: what it says about the file it finds, on a terminal, in a pipe and as JSON.

import Glibc
import TestSupport
import Testing

@testable import Gretl

struct ConfigCommandTests {
    private let folder = TemporaryFolder()

    private func check(
        _ text: String, _ words: String..., environment: [String: String] = [:]
    ) -> CommandRun {
        TemporaryFolder.write(text, to: folder.file("gr.toml"))
        return CommandRun.gr(
            ["config", "check", "-f", folder.file("gr.toml")] + words, environment: environment)
    }

    private let good = """
        [service.web]
        port = 3000
        cmd = "run"
        group = "@site"
        env = { OWN = "s3cret" }
        [service.db]
        port = 5432
        """

    @Test func `a good file is said to be good, with what is in it`() {
        let run = check(good)
        #expect(run.code == 0 && run.errors == "")
        #expect(run.output == "\(folder.file("gr.toml")): 2 services in 1 group, no mistakes\n")
        #expect(check(good, "-q").output == "web\ndb\n@site\n")
    }

    @Test func `as JSON it is what would be registered, without the values of variables`() {
        TemporaryFolder.write("FROM_FILE=s3cret\n", to: folder.file(".env"))
        let run = check(good, "--json", "--prefix", "wip-")
        #expect(run.code == 0)
        #expect(
            run.output.contains(
                #"{"name":"wip-web","line":1,"port":3000,"cmd":"run","cwd":"\#(folder.path)","#
                    + #""env":["FROM_FILE","OWN"],"group":"@wip-site","ready":null"#))
        #expect(run.output.contains(#"{"name":"wip-db","line":6,"port":5432,"cmd":null"#))
        #expect(!run.output.contains("s3cret"))
    }

    @Test func `mistakes come all at once, each with file, line and key`() {
        let run = check("[service.web]\nprot = 1\nrestart = \"x\"\n")
        let file = folder.file("gr.toml")
        #expect(run.code == 1 && run.output == "")
        let lines = run.errors.split(separator: "\n").map(String.init)
        let wanted: [String] = [
            "gr: \(file) has 3 mistakes",
            "  \(file):1:10: service.web.port is missing; port = false makes a worker that listens nowhere",
            "  \(file):2:1: unknown key \"service.web.prot\"; did you mean \"service.web.port\"?",
            "  \(file):3:11: service.web.restart is none of never, on-failure, always; the default is on-failure",
        ]
        #expect(Array(lines.prefix(4)) == wanted)
        #expect(run.errors.contains("hint: nothing was done"))
        let json = check("prefx = 1", "--json")
        #expect(json.code == 1 && json.errors == "")
        #expect(json.output.hasPrefix(#"{"code":"invalid_project","message":""#))
        #expect(json.output.contains(#""problems":[{"line":1,"column":1,"message":"unknown key"#))
    }

    @Test func `a mistake in the env_file names that file, and none of its values`() {
        TemporaryFolder.write("A=1\nB \"s3cret\n", to: folder.file(".env"))
        let run = check(good)
        #expect(run.code == 1 && !run.errors.contains("s3cret"))
        #expect(run.errors.contains("\(folder.file(".env")):2:1: there is no '=' in this line"))
        let missing = check("env_file = \"dev.env\"\n" + good)
        #expect(missing.errors.contains("gr.toml:1:1: env_file: there is no file"))
    }

    @Test func `warnings are told and do not fail`() {
        let run = check(good + "\ndepends_on = [\"wbe\"]")
        #expect(run.code == 0)
        #expect(run.errors.contains("gr.toml:8: service.db.depends_on"))
        #expect(run.errors.contains("did you mean \"web\"?"))
    }

    @Test func `folders that are not there are warned of once each, with line and key`() {
        TemporaryFolder.write("", to: folder.file("file"))
        let text = """
            root = "gone"
            [service.a]
            port = 1
            cmd = "x"
            [service.b]
            port = 2
            cmd = "x"
            [service.c]
            port = 3
            cmd = "x"
            cwd = "../file"
            [service.elsewhere]
            port = 4
            cwd = "never"
            """
        let run = check(text)
        let file = folder.file("gr.toml")
        let wanted = [
            "gr: warning: \(file):1: root: there is no folder \(folder.file("gone"))",
            "gr: warning: \(file):11: service.c.cwd: \(folder.file("file")) is no folder",
        ]
        #expect(run.code == 0)
        #expect(run.errors.split(separator: "\n").map(String.init) == wanted)
        #expect(check(text, "--json").output.contains(#""message":"root: there is no folder"#))
    }

    @Test func `variables of the env_file that are the daemon's to set are left out, and said`() {
        TemporaryFolder.write("A=1\nPORT=s3cret\nGRETL_NAME=s3cret\n", to: folder.file(".env"))
        let run = check(good)
        let env = folder.file(".env")
        #expect(run.code == 0 && !run.errors.contains("s3cret"))
        #expect(run.errors.contains("\(env):2: PORT is left out: each service gets its own port\n"))
        #expect(run.errors.contains("\(env):3: GRETL_NAME is left out: the daemon sets it\n"))
        #expect(check(good, "--json").output.contains(#""env":["A","OWN"]"#))
        // A worker has no port of its own.
        let worker = check("[service.w]\nport = false\ncmd = \"x\"", "--json")
        #expect(worker.output.contains(#""env":["A","PORT"]"#))
        #expect(!worker.output.contains("PORT is left out"))
    }

    @Test func `a named file is found through links as the shell finds it`() throws {
        #expect(unsafe mkdir(folder.file("there"), 0o700) == 0)
        #expect(unsafe mkdir(folder.file("there/below"), 0o700) == 0)
        #expect(unsafe symlink(folder.file("there/below"), folder.file("link")) == 0)
        TemporaryFolder.write("name = 1\n", to: folder.file("gr.toml"))
        TemporaryFolder.write(good, to: folder.file("there/gr.toml"))
        for (path, code) in [("link/../gr.toml", 0), ("./gr.toml", 1), ("gr.toml", 1)] {
            let run = try Program.run(
                [BuildProducts.gr, "config", "check", "--file", path], directory: folder.path)
            #expect(run.exit == Int32(code), "\(path): \(run.errors)")
        }
    }

    @Test func `without a file, or with one that is none, it says where it looked`() {
        let none = CommandRun.gr(["config", "check"])
        #expect(none.code == 1 && none.errors.contains("there is no gr.toml here, above, or"))
        for path in ["/dev/zero", folder.path, folder.file("nowhere")] {
            let run = CommandRun.gr(["config", "check", "--file", path])
            #expect(run.code == 1 && run.errors.contains(path), "\(run)")
        }
        TemporaryFolder.write(String(repeating: "#\n", count: 1 << 20), to: folder.file("big"))
        let big = CommandRun.gr(["config", "check", "--file", folder.file("big")])
        #expect(big.code == 1 && big.errors.contains("is larger than 1048576 bytes"))
        #expect(CommandRun.gr(["config", "chekc"]).code == 2)
    }
}
