// Files that mean harm, and gr up in their folder: they get at no name, file or terminal of others.

import Glibc
import TestSupport
import Testing

struct UpHarmTests {
    @Test func `a hostile file gets nowhere`() throws {
        let fixture = try UpFixture()
        try fixture.services.register("mine", command: "exec sleep 600")
        TemporaryFolder.write("", to: fixture.folder.file("precious"))
        let service = "[service.evil]\nport = false\ncmd = \"touch done\"\n"
        let outside = fixture.folder.path
        _ = unsafe symlink(outside, fixture.folder.file("repo/out"))
        let files: [(text: String, exit: Int32)] = [
            // Names of others, and their folders.
            ("[service.mine]\nport = false\ncmd = \"touch done\"\n", 5),
            (service + "[service.mine]\nport = false\n", 5),
            ("root = \"\(outside)\"\n" + service, 1), ("root = \"..\"\n" + service, 1),
            // Files of the user.
            (service + "log_file = \"../precious\"\n", 1),
            (service + "log_file = \"\(outside)/precious\"\n", 1),
            (service + "log_file = \"out/precious\"\n", 1),
            (service + "log_file = \"\(fixture.daemon.home)/state.db\"\n", 1),
            // What cannot run.
            (service + "cwd = \"nowhere\"\n", 1), (service + "cwd = \"gr.toml\"\n", 1),
            (service + "env = { GRETL_DAEMON = \"http://evil.example\" }\n", 1),
            ("env_file = \"/dev/zero\"\n" + service, 1),
            ("env_file = \"\(fixture.daemon.home)/state.db\"\n" + service, 1),
            // The terminal.
            ("[service.\"e\\u001b[2Jvil\"]\nport = false\ncmd = \"touch done\"\n", 1),
            ("[service.evil]\nport = false\ncmd = \"touch done\\u001b[2J\\rharmless\"\n", 7),
            (service + "description = \"\u{1B}]0;x\u{07}\"\n", 1),
            (service + "\u{9B}2J = 1\n", 1), (service + "env = { \"\\u001b[2J\" = \"x\" }\n", 1),
            ("project = \"\\u001b[2J\"\n" + service, 1), ("prefix = \"\\u001b[2J\"\n" + service, 1),
            ("[service.evil]\nport = false\ncmd = \"touch done \u{202E}; # x\"\n", 7),
            // The network, and what the programs of others are told.
            (service + "ready = \"http://evil.example/\"\n", 1),
            (service + "ready = \"http://127.0.0.1@evil.example/\"\n", 1),
            (service + "restart_with = [\"mine\"]\n", 1),
            (service + "depends_on = [\"mine\"]\n", 7),
            // Size, depth and nonsense.
            (service + "env = " + String(repeating: "{ a = ", count: 5_000), 1),
            ((0..<3_000).map { "[service.s\($0)]\nport = false\n" }.joined(), 1),
            ("[service.evil]\nport = 99999999999999999999\n", 1), (service + service, 1),
            (service + String(repeating: "# 10 MB\n", count: 1_310_720), 1),
            (service + "a" + String(repeating: ".a", count: 500_000) + " = 1\n", 1),
            (service + "x = " + String(repeating: "[", count: 500_000), 1), ("[=", 1),
            ("\u{0}", 1), (String(repeating: "\u{FEFF}", count: 1_000), 1),
        ]
        for (text, exit) in files {
            fixture.write(text)
            let isAllowed = exit != 7
            let run = isAllowed ? try fixture.gr("up", "--yes") : try fixture.gr("up")
            #expect(run.exit == exit, "\(text.prefix(80)): \(run.errors.prefix(500))")
            let isPlain = (run.output + run.errors).unicodeScalars.allSatisfy {
                $0 == "\n" || ($0.value >= 0x20 && !(0x7F...0x9F).contains($0.value))
            }
            #expect(isPlain, "\(run.errors.debugDescription)")
            #expect(run.errors.utf8.count < 20_000)
            #expect(try fixture.registered() == ["mine"], "\(text.prefix(80))")
        }
        // As a pipe nobody writes to, and as a folder.
        _ = unsafe unlink(fixture.folder.file("repo/gr.toml"))
        _ = unsafe mkfifo(fixture.folder.file("repo/gr.toml"), 0o600)
        #expect(try fixture.gr("up", "--yes").exit == 1)
        _ = unsafe unlink(fixture.folder.file("repo/gr.toml"))
        _ = unsafe mkdir(fixture.folder.file("repo/gr.toml"), 0o700)
        #expect(try fixture.gr("up", "--yes").exit == 1)
        #expect(try fixture.registered() == ["mine"])
        #expect(TextFile.read(fixture.folder.file("precious")) == "")
        #expect(TextFile.read(fixture.folder.file("repo/done")) == nil)
        #expect(fixture.daemon.isAlive)
    }

    @Test func `what every user can change is not run, unless it is named`() throws {
        let fixture = try UpFixture()
        fixture.write("[service.w]\nport = false\ncmd = \"exec sleep 600\"\n")
        TemporaryFolder.write("A=1\n", to: fixture.folder.file("repo/.env"))
        for path in ["repo/gr.toml", "repo/.env", "repo"] {
            let file = fixture.folder.file(path)
            let mode = try #require(TemporaryFolder.mode(file))
            _ = unsafe chmod(file, mode | 0o002)
            for words in [["up", "--yes"], ["up", "--plan"], ["config", "check"]] {
                let run = try fixture.gr(words)
                #expect(run.exit == 1 && run.output == "", "\(path) \(words): \(run.output)")
                #expect(
                    run.errors.hasPrefix(
                        "gr: \(file): can be changed by every user of this machine"),
                    "\(run.errors)")
                #expect(run.errors.contains("chmod o-w \(file), or if that is meant: --file "))
            }
            #expect(try fixture.registered() == [])
            // Stopping does no harm.
            #expect(try fixture.gr("down").exit == 0)
            let named = try fixture.gr("up", "--yes", "--file", "gr.toml")
            #expect(named.exit == 0, "\(named.errors)")
            #expect(try fixture.gr("down", "--rm").exit == 0)
            _ = unsafe chmod(file, mode)
        }
        // Nobody can put another file in the place of this one.
        _ = unsafe chmod(fixture.folder.file("repo"), 0o1777)
        #expect(try fixture.gr("up", "--yes").exit == 0)
    }

    @Test func `names that are taken are told to programs too`() throws {
        let fixture = try UpFixture()
        try fixture.services.register("hand", command: "exec sleep 600")
        let body = "{\"name\":\"web\",\"port\":null,\"root\":\"/srv/a\"}"
        #expect(try fixture.daemon.ask("POST", "/v1/services", body).status == 201)
        fixture.write(
            "[service.web]\nport = false\ncmd = \"true\"\n"
                + "[service.hand]\nport = false\ncmd = \"true\"\n")
        let run = try fixture.gr("up", "--yes", "--json")
        #expect(run.exit == 5 && run.output.contains("\"code\":\"name_taken\""), "\(run.output)")
        for one in [
            #"{"name":"web","owner":"/srv/a","line":1}"#, #"{"name":"hand","owner":null,"line":4}"#,
        ] { #expect(run.output.contains(one), "\(run.output)") }
        #expect(run.output.contains(#""details":{"names":["#))
        // More than can be read are counted.
        var many = "[service.web]\nport = false\ncmd = \"true\"\n"
        for number in 0..<120 {
            let body = "{\"name\":\"n\(number)\",\"port\":null,\"root\":\"/srv/a\"}"
            #expect(try fixture.daemon.ask("POST", "/v1/services", body).status == 201)
            many += "[service.n\(number)]\nport = false\ncmd = \"true\"\n"
        }
        fixture.write(many)
        let told = try fixture.gr("up", "--yes").errors
        #expect(told.contains("121 names of ") && told.contains("\n  and 21 more\n"), "\(told)")
    }

    @Test func `a folder whose path is not UTF-8 is refused, not taken for another`() throws {
        let fixture = try UpFixture()
        let script = #"""
            d=$(printf 'b\377d'); mkdir "$d" && cd "$d" || exit 99
            printf '[service.w]\nport = false\ncmd = "true"\n' > gr.toml
            "$0" add x --no-port -- sleep 600; echo $?
            "$0" up --yes; echo $?
            "$0" ls -q; echo $?
            """#
        let run = try Program.run(
            ["/bin/sh", "-c", script, BuildProducts.gr],
            environment: [
                "GR_HOME=\(fixture.daemon.home)", "HOME=\(fixture.folder.path)", "LANG=C.UTF-8",
                "PATH=/usr/bin:/bin",
            ], directory: fixture.folder.file("repo"), seconds: 60)
        #expect(run.output == "2\n2\n0\n", "\(run.output)\(run.errors)")
        let told = run.errors.split(separator: "\n").filter { $0.hasPrefix("gr: ") }
        #expect(told == Array(repeating: "gr: the path of this folder is not UTF-8", count: 2))
        #expect(try fixture.registered() == [])
    }

    @Test func `a file of another user in a folder above is not taken`() throws {
        // Only root can give files away.
        guard geteuid() == 0 else { return }
        let fixture = try UpFixture()
        fixture.write("[service.evil]\nport = false\ncmd = \"touch done\"\n", in: "up")
        _ = unsafe mkdir(fixture.folder.file("up/below"), 0o700)
        try #require(unsafe chown(fixture.folder.file("up/gr.toml"), 65_534, 65_534) == 0)
        let run = try fixture.gr("up", "--yes", in: "up/below")
        #expect(run.exit == 1 && run.errors.contains("belongs to another user (uid 65534)"))
        #expect(!run.errors.contains("chmod"))
        #expect(try fixture.registered() == [])
    }
}
