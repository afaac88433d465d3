// gr k8s clusters against a real daemon and an invented API server: by file, by the user's own
// kubeconfig with a plugin that makes tokens, and what of either must not be seen or used.

import Glibc
import TestSupport
import Testing

@Suite struct CommandClusterTests {
    static let canary = "canary-kube-41c7"

    /// A world with a daemon, a server and a folder for files.
    private struct World {
        let daemon: DaemonProcess
        let server: InventedServer
        let folder = TemporaryFolder()

        init(_ server: InventedServer, _ environment: [String] = []) throws {
            self.server = server
            daemon = try DaemonProcess(environment: environment)
        }

        func file(_ name: String, _ text: String, mode: UInt32 = 0o600) -> String {
            let path = folder.file(name)
            _ = unsafe unlink(path)
            TemporaryFolder.write(text, to: path, mode: mode)
            return path
        }

        func gr(_ words: [String], _ environment: [String] = []) throws -> ProgramResult {
            try Program.run(
                [BuildProducts.gr] + words,
                environment: [
                    "PATH=\(folder.path):/usr/local/bin:/usr/bin:/bin", "HOME=\(folder.path)",
                    "GR_HOME=\(daemon.home)", "LANG=C.UTF-8",
                ] + environment, seconds: 60)
        }

        /// A plugin that gives `token`, notes each run, and keeps what it was told.
        func plugin(_ token: String, expires: String = "") -> String {
            file(
                "make-token",
                """
                #!/bin/sh
                echo run >> \(folder.path)/runs
                env > \(folder.path)/environment
                cat <<END
                {"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
                 "status":{"token":"\(token)"\(expires)}}
                END
                """, mode: 0o700)
        }

        var runs: Int {
            (TextFile.read(folder.file("runs")) ?? "").split(separator: "\n").count
        }

        func kubeconfig(_ more: String = "") -> String {
            server.kubeconfig(
                user: """
                    exec: {apiVersion: client.authentication.k8s.io/v1, command: make-token, \
                    args: [a b, c], env: [{name: OWN, value: own}], interactiveMode: Never, \
                    provideClusterInfo: true\(more)}
                    """)
        }
    }

    @Test func `A cluster of a file is added, listed, synced and forgotten`() throws {
        let world = try World(try InventedServer(denied: ["patch"], version: "v1.33+k3s1"))
        let path = world.file("a.yaml", world.server.kubeconfig())
        let added = try world.gr(["k8s", "clusters", "add", "dev", "--kubeconfig", path])
        #expect(added.exit == 0, "\(added.errors)")
        #expect(added.output == "registered dev, k3s\n")
        #expect(added.errors.contains("patch deployments.apps"), "\(added.errors)")
        let list = try world.gr(["k8s", "clusters"])
        #expect(list.output.contains("dev") && list.output.contains("by kubeconfig"))
        #expect(try world.gr(["k8s", "clusters", "-q"]).output == "dev\n")
        #expect(try world.gr(["k8s", "clusters", "--json"]).output.hasPrefix("[{\"id\":"))
        let again = try world.gr(["k8s", "clusters", "add", "dev", "--kubeconfig", path])
        #expect(again.exit == 5 && again.errors.contains("already"), "\(again.errors)")
        let gone = try world.gr(["k8s", "clusters", "rm", "dev"])
        #expect(gone.exit == 0 && gone.output.hasPrefix("forgot dev"))
        #expect(try world.gr(["k8s", "clusters", "-q"]).output == "")
        for said in [added, list, again, gone] {
            #expect(!(said.output + said.errors).contains("canary"))
        }
    }

    @Test func `A context of one's own kubeconfig is used where it lies, with its plugin`() throws {
        let world = try World(try InventedServer(token: "Bearer \(Self.canary)"))
        let program = world.plugin(Self.canary)
        let path = world.file("config", world.kubeconfig())
        let environment = ["KUBECONFIG=/nowhere:\(path)", "AWS_PROFILE=mine", "SECRET=no"]
        let added = try world.gr(["k8s", "clusters", "add", "--context", "here"], environment)
        #expect(added.exit == 0, "\(added.errors)")
        #expect(added.output == "registered here\nits tokens come from: \(program)\n")
        #expect(world.runs == 1)
        let seen = TextFile.read(world.folder.file("environment")) ?? ""
        for word in [
            "OWN=own", "AWS_PROFILE=mine", "KUBERNETES_EXEC_INFO={\"apiVersion\":",
            "\"server\":\"\(world.server.url)\"",
        ] { #expect(seen.contains(word), "\(word): \(seen)") }
        #expect(!seen.contains("SECRET") && !seen.contains("GR_TOKEN"))
        // Another daemon knows the reference only, and asks the plugin anew.
        try world.daemon.restart()
        #expect(eventually(within: 10_000) { world.runs == 2 })
        #expect(eventually(within: 10_000) { world.server.requests.contains("deployments?limit") })
        let state = TextFile.read(world.daemon.file("state.db")) ?? ""
        #expect(!state.contains("canary"))
        #expect(!(added.output + added.errors + world.daemon.standardError).contains("canary"))
    }

    @Test func `A token that is taken no more is made anew, once for all who ask`() throws {
        let world = try World(try InventedServer(token: "Bearer first"))
        _ = world.plugin("first")
        let path = world.file("config", world.kubeconfig())
        let added = try world.gr(
            ["k8s", "clusters", "add", "--context", "here"], ["KUBECONFIG=\(path)"])
        #expect(added.exit == 0 && world.runs == 1, "\(added.errors)")
        // A 401 to what is five seconds old may be the credential's fault.
        usleep(5_200_000)
        _ = world.plugin("second")
        world.server.want("Bearer second")
        #expect(
            eventually(within: 30_000) {
                _ = try? world.gr(["k8s", "sync", "here"])
                return world.server.requests.contains("Bearer second")
            })
        #expect(world.runs == 2)
    }

    @Test func `A token that has run out is made anew, but not for every request`() throws {
        let world = try World(try InventedServer(token: "Bearer x"))
        _ = world.plugin("x", expires: #", "expirationTimestamp":"2020-01-01T00:00:00Z""#)
        let path = world.file("config", world.kubeconfig())
        let added = try world.gr(
            ["k8s", "clusters", "add", "--context", "here"], ["KUBECONFIG=\(path)"])
        // Twenty questions at least, and a list.
        #expect(added.exit == 0 && world.runs <= 3, "\(added.errors) \(world.runs)")
        let before = world.runs
        usleep(5_200_000)
        #expect(try world.gr(["k8s", "sync", "here"]).exit == 0)
        #expect(world.runs > before)
    }

    @Test func `A plugin that fails or says nonsense is told without what it printed`()
        throws
    {
        let world = try World(try InventedServer())
        let path = world.file("config", world.kubeconfig())
        let environment = ["KUBECONFIG=\(path)"]
        func fails(_ script: String?, _ words: String) throws {
            if let script {
                _ = world.file("make-token", "#!/bin/sh\n\(script)\n", mode: 0o700)
            }
            let said = try world.gr(
                ["k8s", "clusters", "add", "--context", "here"], environment)
            #expect(said.exit == 1, "\(words): \(said.output)")
            #expect(said.errors.contains(words), "\(said.errors)")
            #expect(!said.errors.contains("canary"), "\(said.errors)")
        }
        try fails(nil, "the plugin 'make-token' of its user is not there")
        try fails("echo log in first >&2; exit 3", "it ended with 3; it said: log in first")
        try fails("kill -SEGV $$", "signal 11 ended it")
        let leak = "canary0123456789abcdefghijkl"
        try fails("echo got \(leak) >&2; exit 1", "it said: got […]")
        try fails("echo \(Self.canary)", "it printed no ExecCredential")
        let other = #"{"apiVersion":"v9","kind":"ExecCredential","status":{"token":"canary"}}"#
        try fails("echo '\(other)'", "another apiVersion")
        let version = #""apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential""#
        try fails("echo '{\(version)}'", "neither a token nor a certificate")
        try fails(
            "echo '{\(version),\"status\":{\"clientKeyData\":\"canary\"}}'",
            "without the other")
        try fails("head -c 300000 /dev/zero | tr '\\0' x", "it ")
        #expect(try world.gr(["k8s", "clusters", "-q"]).output == "")
    }

    @Test func `A plugin that hangs is ended, and the daemon goes on`() throws {
        let world = try World(try InventedServer(), ["GR_PLUGIN_PATIENCE_MS=300"])
        let path = world.file("config", world.kubeconfig())
        let pidFile = world.folder.file("pids")
        _ = world.file(
            "make-token", "#!/bin/sh\nsleep 600 &\necho $$ $! > \(pidFile)\nwait\n",
            mode: 0o700)
        let said = try world.gr(
            ["k8s", "clusters", "add", "--context", "here"], ["KUBECONFIG=\(path)"])
        #expect(said.exit == 1 && said.errors.contains("it took too long"), "\(said.errors)")
        let pids = (TextFile.read(pidFile) ?? "").split(whereSeparator: \.isWhitespace)
            .compactMap { Int32($0) }
        #expect(pids.count == 2)
        for pid in pids { #expect(eventually { !ProcessTable.isAlive(pid) }, "\(pid)") }
        _ = world.plugin("x")
        let added = try world.gr(
            ["k8s", "clusters", "add", "--context", "here"], ["KUBECONFIG=\(path)"])
        #expect(added.exit == 0 || added.errors.contains("too long"), "\(added.errors)")
    }

    @Test func `A kubeconfig that others can change, or that asks for more, is not used`() throws {
        let world = try World(try InventedServer())
        _ = world.plugin("x")
        func refused(_ text: String, mode: UInt32 = 0o600, _ words: String) throws {
            let path = world.file("config", text, mode: mode)
            _ = unsafe chmod(path, mode)
            let said = try world.gr(
                ["k8s", "clusters", "add", "--context", "here"], ["KUBECONFIG=\(path)"])
            #expect(said.exit == 1 && said.errors.contains(words), "\(words): \(said.errors)")
        }
        try refused(world.kubeconfig(), mode: 0o666, "others can write to it")
        try refused(world.server.kubeconfig(user: "token: x, as: admin"), "'as' of its user")
        try refused(
            world.kubeconfig().replacing("Never", with: "Always"), "needs a terminal")
        try refused(
            world.kubeconfig().replacing("here", with: "there"), "it has no context 'here'")
        #expect(world.runs == 0)
        let none = try world.gr(["k8s", "clusters", "add", "--context", "here"])
        #expect(none.errors.contains("none of its files is there"), "\(none.errors)")
    }

    @Test func `A reference is taken at the socket only`() throws {
        let world = try World(try InventedServer())
        _ = world.plugin("x")
        let path = world.file("config", world.kubeconfig())
        let token = (TextFile.read(world.daemon.file("token")) ?? "").replacing("\n", with: "")
        let body =
            "{\"name\":\"a\",\"context\":\"here\",\"kubeconfig_paths\":[\"\(path)\"],"
            + "\"environment\":{\"PATH\":\"\(world.folder.path)\"}}"
        let answer = try world.daemon.ask(
            "POST", "/k8s/clusters", body, ["Authorization: Bearer \(token)"])
        #expect(answer.status == 400 && answer.code == "invalid_kubeconfig", "\(answer.text)")
        #expect(answer.message.contains("socket") && answer.hint.contains("gr k8s clusters add"))
        let said = try world.gr(
            [
                "--address", "http://127.0.0.1:\(world.daemon.port)", "k8s", "clusters", "add",
                "--context", "here",
            ], ["KUBECONFIG=\(path)"])
        #expect(said.exit == 1 && said.errors.contains("socket"), "\(said.errors)")
        #expect(world.runs == 0)
    }

    @Test func `Files that a kubeconfig of one's own names are read where they are`() throws {
        let world = try World(try InventedServer(token: "Bearer \(Self.canary)"))
        _ = world.file("secret", Self.canary + "\n")
        let path = world.file("config", world.server.kubeconfig(user: "tokenFile: secret"))
        let added = try world.gr(
            ["k8s", "clusters", "add", "--context", "here"], ["KUBECONFIG=\(path)"])
        #expect(added.exit == 0, "\(added.errors)")
        #expect(!(TextFile.read(world.daemon.file("state.db-wal")) ?? "").contains("canary"))
    }
}
