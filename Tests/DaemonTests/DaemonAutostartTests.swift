// The daemon that `gr` starts because none runs: exactly one however many ask, apart from its
// caller, not where it is not wanted, and with its reason when it cannot. The door that `gr` then
// takes, and whom it does not trust there.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct DaemonAutostartTests {
    static let isRoot = geteuid() == 0

    @Test func `a command starts the daemon and the next one finds it`() throws {
        let stage = BackgroundDaemon()
        let first = try stage.gr(["add", "web", "--port", "3000"])
        #expect(first.exit == 0, "\(first.errors)")
        #expect(first.errors == "", "nothing but the answer for a script")
        let pid = try #require(stage.pid)
        let second = try stage.gr(["url", "web"])
        #expect(second.exit == 0 && second.output == "http://localhost:3000\n")
        #expect(stage.pid == pid)
        #expect(stage.starts == 1)
        for name in ["daemon.log", "daemon.sock", "start.lock", "daemon.lock"] {
            #expect(TemporaryFolder.mode(stage.file(name)) == 0o600, "\(name)")
        }
    }

    @Test func `twenty at once start one daemon and all are answered`() throws {
        let stage = BackgroundDaemon()
        let line = """
            for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                ( "$0" ls -q || echo failed $? ) & pids="$pids $!"
            done
            for pid in $pids; do wait $pid; done
            """
        let run = try Program.run(
            ["sh", "-c", line, BuildProducts.gr], environment: stage.variables, seconds: 60)
        #expect(run.exit == 0 && run.output == "" && run.errors == "", "\(run.output)\(run.errors)")
        #expect(stage.starts == 1, "\(stage.log)")
    }

    @Test func `the daemon holds nothing of its caller`() throws {
        let stage = BackgroundDaemon()
        // The substitution ends when nobody has its pipe open any more.
        let line = "exec 7>\"$1\"; cd \"$2\"; text=$(\"$0\" ls --json); echo \"got $text\""
        let kept = stage.user + "/kept"
        let run = try Program.run(
            ["sh", "-c", line, BuildProducts.gr, kept, stage.user],
            environment: stage.variables + ["CANARY_TOKEN=canary-1", "GR_AUTH_TOKEN=canary-2"],
            seconds: 60)
        #expect(run.exit == 0 && run.output == "got {\"services\":[]}\n", "\(run.errors)")
        let pid = try #require(stage.pid)
        let text = TextFile.read("/proc/\(pid)/stat") ?? ""
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        try #require(fields.count > 4)
        #expect(fields[2] == "\(pid)" && fields[3] == "\(pid)", "a group and a session of its own")
        #expect(fields[4] == "0", "no terminal")
        guard Self.isRoot else { return }
        // Only root sees these of a process that does not let itself be traced.
        #expect(link("/proc/\(pid)/cwd") == "/")
        #expect(link("/proc/\(pid)/fd/0") == "/dev/null")
        #expect(link("/proc/\(pid)/fd/2") == stage.file("daemon.log"))
        let open = ProcessTable.descriptors(pid).compactMap { link("/proc/\(pid)/fd/\($0)") }
        #expect(!open.contains(kept) && !open.contains { $0.hasPrefix("pipe:") }, "\(open)")
        let environment = ProcessTable.words(pid, "environ")
        #expect(environment.contains("HOME=\(stage.user)"))
        #expect(!environment.contains { $0.contains("canary") })
    }

    private func link(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 4_096)
        // The kernel writes at most the count given.
        let count = unsafe readlink(path, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test func `a home folder of any length has a door`() throws {
        let long = String(repeating: "a-long-folder-name/", count: 12) + "gr"
        let stage = BackgroundDaemon(subfolder: long)
        #expect(stage.home.utf8.count > 200)
        let first = try stage.gr(["add", "web", "--port", "3000"])
        #expect(first.exit == 0, "\(first.errors)")
        // Without the address only the socket is left.
        #expect(unsafe unlink(stage.file("address")) == 0)
        #expect(try stage.gr(["url", "web"]).output == "http://localhost:3000\n")
        #expect(stage.starts == 1)
    }

    @Test(arguments: [
        (["ls"], ["GR_NO_AUTOSTART=1"]), (["ls", "--address", "http://127.0.0.1:1"], []),
        (["ls"], ["GRETL_DAEMON=http://127.0.0.1:1"]), (["health"], []),
        (["daemon", "status"], []), (["version"], []),
    ])
    func `nothing is started where it is not wanted`(words: [String], more: [String]) throws {
        let stage = BackgroundDaemon(subfolder: "other")
        let run = try stage.gr(words, more)
        #expect(run.exit == (words == ["version"] ? 0 : 3), "\(run.errors)")
        let hint =
            words.contains("--address") || more.first?.hasPrefix("GRETL_DAEMON") == true
            ? "hint: is the address right?" : "hint: start it with: gr daemon start"
        #expect(words == ["version"] || run.errors.contains(hint), "\(run.errors)")
        #expect(stage.pid == nil && stage.log == "")
        #expect(ProcessTable.folderNames(stage.home) == ["config.toml"])
    }

    @Test func `a daemon that cannot start says why`() throws {
        let stage = BackgroundDaemon(configuration: "prot = 0\n")
        let run = try stage.gr(["ls"])
        #expect(run.exit == 3 && run.output == "")
        #expect(run.errors.contains("the daemon did not start: "), "\(run.errors)")
        #expect(run.errors.contains("config.toml:1:1"), "\(run.errors)")
        #expect(
            run.errors.contains(
                "hint: what is wrong: gr doctor; its log: \(stage.file("daemon.log"))"))
        let json = try stage.gr(["ls", "--json"])
        #expect(json.exit == 3 && json.output.hasPrefix(#"{"code":"daemon_not_started","#))
        // The reason of now, not that of before.
        TemporaryFolder.write("port = 70000\n", to: stage.file("config.toml"))
        #expect(try stage.gr(["ls"]).errors.contains("port must be"))
        TemporaryFolder.write("port = 0\n", to: stage.file("config.toml"))
        #expect(try stage.gr(["ls"]).exit == 0)
    }

    @Test func `a folder others can write to is refused before anything is started`() throws {
        let stage = BackgroundDaemon()
        #expect(unsafe chmod(stage.home, 0o777) == 0)
        let run = try stage.gr(["ls"])
        #expect(run.exit == 3 && run.errors.contains("chmod 700"), "\(run.errors)")
        #expect(stage.log == "")
    }

    @Test func `after a kill the next command starts a new one`() throws {
        let stage = BackgroundDaemon()
        #expect(try stage.gr(["add", "web", "--port", "3000"]).exit == 0)
        let killed = try #require(stage.pid)
        stage.end()
        let run = try stage.gr(["url", "web"])
        #expect(run.output == "http://localhost:3000\n", "\(run.errors)\(stage.log)")
        #expect(stage.pid != nil && stage.pid != killed)
    }

    @Test func `a command that meets a daemon at its end waits for that and starts the next`()
        throws
    {
        let stage = BackgroundDaemon()
        // Whoever holds the lock and answers nobody is like a daemon that ends or comes up.
        let lock = stage.file("daemon.lock")
        TemporaryFolder.write("4194000\n", to: lock)
        let holder = try Outsider(["flock", lock, "sleep", "3"])
        let isHeld = try eventually { try Program.run(["flock", "-n", lock, "true"]).exit == 1 }
        #expect(isHeld)
        let run = try stage.gr(["ls", "-q"])
        #expect(run.exit == 0 && run.errors == "", "\(run.errors)")
        #expect(!holder.isAlive, "it was waited for")
        #expect(stage.starts == 1)
    }

    @Test func `what has the port of a daemon that was killed gets nothing`() throws {
        let stage = BackgroundDaemon()
        #expect(try stage.gr(["ls"]).exit == 0)
        stage.end()
        var address = cepoll_address()
        #expect(unsafe cepoll_address_parse(&address, "127.0.0.1", 0) == 0)
        let stranger = unsafe cepoll_listen(&address, 8)
        defer { close(stranger) }
        #expect(unsafe cepoll_local_address(stranger, &address) == 0)
        let port = unsafe cepoll_address_port(&address)
        TemporaryFolder.write("http://127.0.0.1:\(port)\n", to: stage.file("address"))
        #expect(try stage.gr(["ls"]).exit == 0)
        #expect(unsafe cepoll_accept(stranger, &address) == -EAGAIN, "somebody called")
        #expect(stage.starts == 2)
    }

    // MARK: Which door

    @Test func `the socket is taken before the address and the address without a socket`() throws {
        let stage = BackgroundDaemon()
        #expect(try stage.gr(["add", "web", "--port", "3000"]).exit == 0)
        let address = try #require(TextFile.read(stage.file("address")))
        TemporaryFolder.write("http://127.0.0.1:1\n", to: stage.file("address"))
        #expect(try stage.gr(["url", "web"]).exit == 0)
        TemporaryFolder.write(address, to: stage.file("address"))
        #expect(unsafe unlink(stage.file("daemon.sock")) == 0)
        #expect(try stage.gr(["url", "web"]).exit == 0)
        let url = String(address.split(separator: "\n")[0])
        #expect(try stage.gr(["url", "web", "--address", url]).exit == 0)
        #expect(stage.starts == 1)
    }

    @Test(.enabled(if: isRoot, "posing as another user needs root"))
    func `nothing is sent to another user's socket`() throws {
        let stage = BackgroundDaemon(configuration: "port = 0\n[auth]\ntoken = \"canary-93b0d\"\n")
        let path = stage.file("daemon.sock")
        #expect(unsafe chmod(stage.user, 0o777) == 0)
        #expect(unsafe chmod(stage.home, 0o777) == 0)
        let heard = stage.user + "/heard"
        let script = #"""
            use Socket;
            socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
            bind($s, sockaddr_un($ARGV[0])) or die;
            listen($s, 8) or die;
            open(my $f, ">", $ARGV[1]) or die;
            accept(my $c, $s) or die;
            sysread($c, my $x, 4096);
            syswrite($f, "heard:$x");
            """#
        let stranger = try Outsider(["perl", "-e", script, path, heard], uid: 65_534)
        #expect(eventually { unsafe access(path, F_OK) == 0 })
        #expect(unsafe chmod(stage.user, 0o755) == 0)
        #expect(unsafe chmod(stage.home, 0o755) == 0)
        let run = try stage.gr(["ls"])
        #expect(run.exit == 7, "\(run.errors)")
        #expect(run.errors.contains("belongs to another user (uid 65534)"), "\(run.errors)")
        let wayOut = "remove it: rm \(path)\n"
        #expect(run.errors.hasSuffix("hint: nothing was sent; \(wayOut)"), "\(run.errors)")
        #expect(eventually { TextFile.read(heard) == "heard:" }, "it was sent something")
        _ = stranger.reap()
        // Nobody listens any more, and it is in the way all the same.
        let start = try stage.gr(["daemon", "start"])
        #expect(start.exit != 0 && start.errors.contains(wayOut), "\(start.errors)")
        let doctor = try stage.gr(["doctor", "-q"])
        let told = doctor.output.split(separator: "\n").filter { $0.contains("daemon: ") }
        #expect(told.count == 1 && doctor.output.contains(wayOut), "\(doctor.output)")
        #expect(doctor.output.contains("daemon.sock belongs to another user (uid 65534)"))
        #expect(unsafe unlink(path) == 0)
        #expect(try stage.gr(["ls"]).exit == 0)
    }

    @Test func `nonsense on the socket is said to come from there`() throws {
        let stage = BackgroundDaemon()
        let path = stage.file("daemon.sock")
        let script = #"""
            use Socket;
            socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
            bind($s, sockaddr_un($ARGV[0])) or die;
            listen($s, 8) or die;
            accept(my $c, $s) or die;
            sysread($c, my $x, 4096);
            syswrite($c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
            """#
        let liar = try Outsider(["perl", "-e", script, path])
        #expect(eventually { unsafe access(path, F_OK) == 0 })
        let run = try stage.gr(["status", "web"])
        #expect(
            run.exit == 1
                && run.errors.hasPrefix("gr: the answer of \(path) is not what this gr knows\n"),
            "\(run.errors)")
        _ = liar.reap()
    }
}
