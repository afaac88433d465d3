// Mistakes once made around the home folder, the disk and the client, each kept from coming back by
// a test from outside. Tests that need to mount or to become another user are skipped without root.
// Everything that is started here is ended by pid.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct HomeRegressionTests {
    static let isRoot = geteuid() == 0

    /// Runs `gr` to its end, at most 20 s: exit code, and both outputs as one text.
    private func gr(_ words: String..., home: String = "") throws -> (code: Int32?, text: String) {
        let line = "GR_HOME=\"$1\"; export GR_HOME; shift; exec \"$0\" \"$@\" 2>&1"
        let (code, text) = try DaemonProcess.run(
            "/bin/sh", ["sh", "-c", line, BuildProducts.gr, home] + words)
        return (code, text)
    }

    // MARK: Disk

    /// Leaves no free page on the file system of this file.
    private func fill(_ path: String) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(file) }
        let page = [UInt8](repeating: 1, count: 4_096)
        // The array outlives the call, which takes its true size.
        for _ in 0..<2_000 where unsafe write(file, page, page.count) <= 0 { return }
        Issue.record("the disk is too large to fill")
    }

    @Test(.enabled(if: isRoot, "mounting needs root"))
    func aDeleteThatCannotBeStoredStopsNothing() throws {
        let fixture = try ServiceFixture()
        let daemon = fixture.daemon
        daemon.stop()
        let disk = try #require(SmallDisk(kilobytes: 2_048))
        // The disk takes the place of the home folder, whose path is the daemon's.
        let bound = unsafe mount(disk.path, daemon.home, nil, UInt(MS_BIND), nil)
        try #require(bound == 0, "the disk cannot be bound: errno \(errno)")
        defer {
            daemon.kill()
            // Detached: monitors may still have files open.
            _ = unsafe umount2(daemon.home, Int32(MNT_DETACH))
        }
        try daemon.restart()
        try fixture.register("a", command: "exec sleep 300")
        #expect(try fixture.start("a").status == 200)
        let pid = try #require(try fixture.service("a")["pid"].integer)
        fill(daemon.file("filler"))
        let refused = try daemon.ask("DELETE", "/v1/services/a")
        #expect(refused.status == 507, "\(refused.text)")
        #expect(refused.code == "storage_full")
        #expect(ProcessTable.isAlive(Int32(clamping: pid)))
        let service = try fixture.service("a")
        #expect(service["status"] == .string("running"))
        #expect(service["pid"].integer == pid)
        _ = unsafe unlink(daemon.file("filler"))
        #expect(try daemon.ask("DELETE", "/v1/services/a").status == 200)
        #expect(eventually { !ProcessTable.isAlive(Int32(clamping: pid)) })
        daemon.kill()
        try daemon.restart()
        #expect(try daemon.ask("GET", "/v1/services/a").status == 404)
    }

    @Test(.enabled(if: isRoot, "mounting needs root"))
    func aDaemonComesUpOnAFullDiskAndLeavesNoOldAddress() throws {
        let fixture = try ServiceFixture()
        let daemon = fixture.daemon
        daemon.stop()
        let disk = try #require(SmallDisk(kilobytes: 2_048))
        let bound = unsafe mount(disk.path, daemon.home, nil, UInt(MS_BIND), nil)
        try #require(bound == 0, "the disk cannot be bound: errno \(errno)")
        defer {
            daemon.kill()
            // Detached: monitors may still have files open.
            _ = unsafe umount2(daemon.home, Int32(MNT_DETACH))
        }
        try daemon.restart()
        try fixture.register("a", command: "exec sleep 300")
        #expect(try fixture.start("a").status == 200)
        daemon.kill()
        let old = TextFile.read(daemon.file("address"))
        fill(daemon.file("filler"))
        try daemon.restart()
        #expect(try fixture.service("a")["status"] == .string("running"))
        #expect(try daemon.ask("DELETE", "/v1/services/a").status == 507)
        let address = TextFile.read(daemon.file("address"))
        #expect(address == nil || address != old, "an address where nobody listens")
        let list = try daemon.gr(["ls", "-q"])
        #expect(list.end() == 0 && list.output == "a\n", "\(list.errors)")
        _ = unsafe unlink(daemon.file("filler"))
        #expect(try fixture.stop("a").status == 200)
    }

    // MARK: Home folder

    @Test func aReadableHomeFolderIsClosedAtTheStart() throws {
        let daemon = try DaemonProcess()
        #expect(daemon.stop() == 0)
        #expect(unsafe chmod(daemon.home, 0o755) == 0)
        #expect(TemporaryFolder.mode(daemon.home) == 0o755)
        try daemon.restart()
        #expect(TemporaryFolder.mode(daemon.home) == 0o700)
        #expect(try daemon.ask("GET", "/health").status == 200)
    }

    @Test func aHomeThatIsAFileIsNamed() throws {
        let folder = TemporaryFolder()
        let home = folder.file("home")
        TemporaryFolder.write("not a folder", to: home)
        let run = try gr("serve", "--home", home, "--listen", "127.0.0.1:0")
        #expect(run.code != nil && run.code ?? 0 > 0, "\(run.text)")
        #expect(run.text.contains(home), "\(run.text)")
        #expect(!run.text.contains(home + "/"), "another path is blamed: \(run.text)")
        #expect(TextFile.read(home) == "not a folder")
    }

    @Test func aRunFolderThatIsAFileIsNamed() throws {
        let folder = TemporaryFolder()
        let home = folder.file("home")
        try #require(unsafe mkdir(home, 0o700) == 0)
        TemporaryFolder.write("not a folder", to: home + "/run")
        let run = try gr("serve", "--home", home, "--listen", "127.0.0.1:0")
        #expect(run.code != nil && run.code ?? 0 > 0, "\(run.text)")
        #expect(run.text.contains(home + "/run"), "\(run.text)")
        #expect(!run.text.contains(home + "/run/"), "another path is blamed: \(run.text)")
        #expect(TextFile.read(home + "/run") == "not a folder")
    }

    // MARK: Client

    /// Becomes the user of its argument, says its port, and writes down what it is sent.
    private static let listener = #"""
        use POSIX;
        use Socket;
        $| = 1;
        POSIX::setuid($ARGV[0]) or die "setuid: $!";
        socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
        bind($s, sockaddr_in(0, inet_aton("127.0.0.1"))) or die "bind: $!";
        listen($s, 8) or die;
        my ($port) = sockaddr_in(getsockname($s));
        print "port $port\n";
        for (1 .. 8) {
            accept(my $c, $s) or next;
            while (my $line = <$c>) {
                print $line;
                last if $line eq "\r\n";
            }
            print $c "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n",
                "Connection: close\r\n\r\n{\"status\":\"ok\"}";
            close $c;
        }
        """#

    /// What a listener run as `user` is sent by `gr health`, and how that ends.
    private func ask(
        listenerOf user: UInt32
    ) throws -> (run: (code: Int32?, text: String), received: String) {
        let folder = TemporaryFolder()
        let script = folder.file("listener.pl")
        let log = folder.file("received")
        TemporaryFolder.write(Self.listener, to: script)
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        let output = unsafe open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let made = Result {
            try DaemonProcess.spawn(
                "/usr/bin/perl", ["perl", script, "\(user)"], ["PATH=/usr/bin:/bin"],
                [null, output, null])
        }
        for descriptor in [null, output] { close(descriptor) }
        let (pid, pidfd) = try made.get()
        defer {
            _ = cepoll_pidfd_signal(pidfd, SIGKILL)
            waitpid(pid, nil, 0)
            close(pidfd)
        }
        func received() -> String { TextFile.read(log) ?? "" }
        #expect(eventually { received().hasSuffix("\n") })
        let port = try #require(
            received().split(separator: "\n").first.flatMap { UInt16($0.dropFirst(5)) })

        let home = folder.file("home")
        try #require(unsafe mkdir(home, 0o700) == 0)
        TemporaryFolder.write("[auth]\ntoken = \"\(Self.token)\"\n", to: home + "/config.toml")
        TemporaryFolder.write("http://127.0.0.1:\(port)\n", to: home + "/address")
        let run = try gr("health", home: home)
        // The listener takes one connection after the other: behind this one nothing is missing.
        let last = try WireClient(port: port)
        last.send(get("/last"))
        #expect(eventually { received().contains("GET /last ") })
        return (run, received())
    }

    private static let token = "canary-token-93b0d"

    @Test(.enabled(if: isRoot, "posing as another user needs root"))
    func theTokenIsNotSentToAServerOfAnotherUser() throws {
        let foreign = try ask(listenerOf: 65_534)
        #expect(foreign.run.code == 7, "\(foreign.run.text)")
        #expect(foreign.run.text.contains("another user"), "\(foreign.run.text)")
        #expect(!foreign.received.lowercased().contains("authorization"), "\(foreign.received)")
        #expect(!foreign.received.contains(Self.token))
        // The same listener of the same user gets it, so the first answer means something.
        let own = try ask(listenerOf: geteuid())
        #expect(own.received.contains("Authorization: Bearer \(Self.token)"), "\(own.received)")
        #expect(own.run.code != 7, "\(own.run.text)")
    }

    @Test func aDaemonThatIsStoppedIsUnreachable() throws {
        let daemon = try DaemonProcess()
        #expect(try gr("health", home: daemon.home).code == 0)
        daemon.signal(SIGSTOP)
        defer { daemon.signal(SIGCONT) }
        let run = try gr("health", home: daemon.home)
        #expect(run.code == 3, "\(run.text)")
    }

    // MARK: Gate

    @Test func aRepeatedSecFetchSiteIsRefused() throws {
        let daemon = try DaemonProcess()
        #expect(try daemon.ask("GET", "/v1/services", nil, ["Sec-Fetch-Site: none"]).status == 200)
        let sites = ["none", "same-origin", "cross-site"]
        for first in sites {
            for second in sites {
                let fields = ["Sec-Fetch-Site: \(first)", "Sec-Fetch-Site: \(second)"]
                for target in ["/v1/services", "/health"] {
                    let answer = try daemon.ask("GET", target, nil, fields)
                    #expect(answer.status == 403, "\(target): \(first), then \(second)")
                }
            }
        }
    }
}
