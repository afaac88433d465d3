// What the program gets from its monitor, and how a start that fails is told.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ProgramStartTests {
    @Test func anExitCodeIsReportedExactlyAndRecorded() throws {
        try withMonitor(name: "my web") { monitor in
            let pid = try monitor.start("exit 42")
            let exit = try monitor.expect("X")
            #expect(exit.fields.prefix(4) == ["42", "0", "0", "0"])
            try monitor.expect("E")
            let record = try #require(TextFile.read(monitor.recordPath))
            #expect(record.hasPrefix("version=2 id=\(monitor.id) pid=\(pid) start="))
            #expect(record.contains(" code=42 signal=0 requested=0 forced=0 ended=\(exit[4]) "))
            #expect(record.hasSuffix(" name=my%20web\n"))
            #expect(TemporaryFolder.mode(monitor.recordPath) == 0o600)
        }
    }

    @Test func aDeathBySignalHasNoExitCode() throws {
        try withMonitor { monitor in
            try monitor.start("kill -9 $$")
            #expect(try monitor.expect("X").fields.prefix(4) == ["", "9", "0", "0"])
            try monitor.expect("E")
            #expect(TextFile.read(monitor.recordPath)?.contains(" code= signal=9 ") == true)
        }
    }

    @Test(
        arguments: [
            ("/no/such/shell", "/", nil, "exec", ENOENT),
            ("/etc/passwd", "/", nil, "exec", EACCES),
            ("/bin/sh", "/no/such/folder", nil, "directory", ENOENT),
            ("/bin/sh", "/etc/passwd", nil, "directory", ENOTDIR),
            ("/bin/sh", "/", "/no/such/folder/log", "log", ENOENT),
            ("/bin/sh", "/", "", "log", ENOENT),
            ("/bin/sh", "/", "relative", "log", EINVAL),
        ] as [(String, String, String?, String, Int32)])
    func aFailedStartNamesItsStepAndReason(
        shell: String, directory: String, log: String?, step: String, reason: Int32
    ) throws {
        try withMonitor { monitor in
            monitor.run("true", shell: shell, directory: directory, log: log)
            let failure = try monitor.expect("F")
            #expect(failure.fields == [step, String(reason)])
            monitor.send("C")
            #expect(monitor.exitCode() == 0)
            #expect(!TemporaryFolder.exists(monitor.socketPath))
        }
    }

    @Test func aLogThatIsALinkOrAPipeIsRefused() throws {
        try withMonitor { monitor in
            unsafe symlink("/dev/null", monitor.folder + "/link")
            monitor.run("true", log: monitor.folder + "/link")
            #expect(try monitor.expect("F").fields == ["log", String(ELOOP)])
            unsafe mkfifo(monitor.folder + "/fifo", 0o600)
            monitor.run("true", log: monitor.folder + "/fifo")
            #expect(try monitor.expect("F").fields == ["log", String(ENXIO)])
            // The monitor is as good as new.
            try monitor.start("exit 3")
            #expect(try monitor.expect("X")[0] == "3")
        }
    }

    @Test func theProgramGetsExactlyTheGivenEnvironment() throws {
        try withMonitor { monitor in
            try monitor.start("/usr/bin/env -u PWD", environment: ["A=1", "B=x y=z", "ODD"])
            try monitor.expect("X")
            let lines = Set(monitor.log.split(separator: "\n"))
            // What a shell adds of itself is not ours.
            let added: Set<Substring> = ["OLDPWD=/", "SHLVL=0", "_=/usr/bin/env"]
            #expect(lines.subtracting(added) == ["A=1", "B=x y=z"])
        }
    }

    @Test func theProgramHasCleanDescriptorsSignalsAndMask() throws {
        try withMonitor { monitor in
            monitor.run("exec /bin/cat /proc/self/status", umask: "027")
            let spawned = try monitor.expect("P")
            spawned.closeDescriptors()
            try monitor.expect("X")
            let text = monitor.log
            for key in ["SigBlk", "SigIgn", "SigCgt"] {
                #expect(text.contains("\(key):\t0000000000000000\n"))
            }
            #expect(text.contains("Umask:\t0027\n"))
        }
        try withMonitor { monitor in
            // ls itself holds the folder it reads as 3.
            try monitor.start("exec /bin/ls -1 /proc/self/fd")
            try monitor.expect("X")
            #expect(monitor.log == "0\n1\n2\n3\n")
        }
    }

    @Test func theProgramLeadsItsOwnSessionAndGroup() throws {
        try withMonitor { monitor in
            let pid = try monitor.start("sleep 60")
            #expect(getsid(pid) == pid && getpgid(pid) == pid)
            #expect(getsid(monitor.pid) == monitor.pid)
        }
    }

    @Test func spawnedCarriesAPidfdAndTheOutput() throws {
        try withMonitor { monitor in
            monitor.run("sleep 60")
            let spawned = try monitor.expect("P")
            defer { spawned.closeDescriptors() }
            try #require(spawned.descriptors.count == 2)
            let stat = try #require(TextFile.read("/proc/\(spawned[0])/stat"))
            let fields = stat.split(separator: " ")
            #expect(String(fields[21]) == spawned[1])
            #expect(cepoll_pidfd_signal(spawned.descriptors[0], SIGKILL) == 0)
            #expect(waitReadable(spawned.descriptors[0], 5000))
            #expect(try monitor.expect("X")[1] == "9")
            var status = Glibc.stat()
            #expect(unsafe fstat(spawned.descriptors[1], &status) == 0)
            #expect(status.st_mode & S_IFMT == S_IFIFO)
        }
    }

    @Test func anOversizedEnvironmentIsRefusedAndNotSilentlyCut() throws {
        try withMonitor { monitor in
            monitor.run("true", environment: (0..<5000).map { "V\($0)=1" })
            let many = try monitor.expect("F")
            #expect(many.fields == ["exec", String(E2BIG)])
            monitor.run("true", environment: [String(repeating: "x", count: 170_000)])
            let long = try monitor.expect("F")
            #expect(long.fields == ["exec", String(E2BIG)])
        }
    }

    @Test func aLongCommandAndEnvironmentGoThrough() throws {
        try withMonitor { monitor in
            let value = String(repeating: "v", count: 100_000)
            try monitor.start("echo ${#LONG}", environment: ["LONG=\(value)"])
            try monitor.expect("X")
            #expect(monitor.log == "100000\n")
        }
    }
}
