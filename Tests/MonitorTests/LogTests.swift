// The log is complete when the exit is reported, whatever the program writes and whoever holds on.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct LogTests {
    @Test func twoMegabytesWrittenInAHurryAreAllThere() throws {
        try withMonitor { monitor in
            try monitor.start("exec /usr/bin/seq 1 300000")
            #expect(try monitor.expect("X")[0] == "0")
            let lines = monitor.log.split(separator: "\n")
            #expect(lines.count == 300_000)
            #expect(lines.last == "300000")
            #expect(TemporaryFolder.mode(monitor.logPath) == 0o600)
        }
    }

    @Test func bothStreamsKeepTheirOrder() throws {
        try withMonitor { monitor in
            try monitor.start(
                "i=0; while [ $i -lt 200 ]; do "
                    + "echo out $i; echo err $i >&2; i=$((i+1)); done")
            try monitor.expect("X")
            let expected = (0..<200).map { "out \($0)\nerr \($0)\n" }.joined()
            #expect(monitor.log == expected)
        }
    }

    @Test func anUnfinishedLastLineIsWrittenBeforeTheExitIsReported() throws {
        try withMonitor { monitor in
            // Somebody else keeps the tree and the pipe open: only the exit itself can be the
            // reason.
            try monitor.start("sleep 60 & printf 'one\\ntwo'")
            try monitor.expect("X")
            #expect(monitor.log == "one\ntwo")
        }
    }

    @Test func aPromptWithoutNewlineAppearsWhileTheProgramWaits() throws {
        try withMonitor { monitor in
            try monitor.start("printf 'ready> '; sleep 60")
            #expect(eventually { monitor.log == "ready> " })
        }
    }

    @Test func aMegabyteWithoutNewlineGoesThrough() throws {
        try withMonitor { monitor in
            try monitor.start("head -c 1048576 /dev/zero | tr '\\0' x")
            try monitor.expect("X")
            let bytes = try #require(TextFile.bytes(monitor.logPath))
            #expect(bytes.count == 1_048_576 && bytes.allSatisfy { $0 == UInt8(ascii: "x") })
        }
    }

    @Test func anOldLogIsContinued() throws {
        try withMonitor { monitor in
            let file = unsafe open(monitor.logPath, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            #expect(unsafe write(file, "before\n", 7) == 7)
            close(file)
            try monitor.start("echo after")
            try monitor.expect("X")
            #expect(monitor.log == "before\nafter\n")
        }
    }

    @Test func aDescendantThatHoldsTheOutputDoesNotDelayTheExit() throws {
        try withMonitor { monitor in
            try monitor.start("(while :; do echo tick; sleep 0.05; done) & echo main; exit 5")
            var exit: MonitorMessage?
            let took = try seconds { exit = try monitor.expect("X") }
            #expect(exit?[0] == "5")
            #expect(took < 3)
            #expect(monitor.log.contains("main\n"))
            // And what it writes later still arrives.
            let before = monitor.log.count
            #expect(eventually { monitor.log.count > before + 10 })
        }
    }

    @Test func aFullDiskCostsOutputNeverTheProgramAndIsSaid() throws {
        try withMonitor { monitor in
            let go = monitor.folder + "/go"
            try monitor.start(
                "echo first; sleep 0.3; seq 1 50000; "
                    + "while ! [ -e \(go) ]; do sleep 0.02; done; echo last")
            // A file size limit on the monitor alone stands for a disk that takes nothing.
            #expect(eventually { monitor.log == "first\n" })
            #expect(try setFileSizeLimit(monitor.pid, "1000") == 0)
            #expect(eventually { monitor.log.utf8.count == 1000 })
            usleep(200_000)
            #expect(try setFileSizeLimit(monitor.pid, "unlimited") == 0)
            close(unsafe open(go, O_CREAT | O_CLOEXEC, 0o600))
            #expect(try monitor.expect("X")[0] == "0")
            let total = 6 + (1...50000).reduce(0) { $0 + String($1).utf8.count + 1 }
            let note = "[gr-monitor: \(total - 1000) bytes of output were dropped]\n"
            #expect(monitor.log.hasSuffix(note + "last\n"))
        }
    }

    /// Sets the soft limit; the exit code of the tool that does it.
    private func setFileSizeLimit(_ pid: Int32, _ limit: String) throws -> Int32? {
        let tool = try Spawned(
            "/usr/bin/prlimit", ["prlimit", "--pid", String(pid), "--fsize=\(limit):"],
            descriptors: [0, 1, 2])
        defer { close(tool.pidfd) }
        return Spawned.collect(tool.pid)
    }

    @Test func anOutputThatTheProgramHasClosedIsNoEndOfTheProgram() throws {
        try withMonitor { monitor in
            let gate = monitor.folder + "/gate"
            try monitor.start(
                "echo last words; exec >/dev/null 2>&1; "
                    + "while [ ! -e \(gate) ]; do sleep 0.02; done; exit 4")
            #expect(monitor.isSilent(for: 300))
            #expect(monitor.log == "last words\n")
            close(unsafe open(gate, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
            #expect(try monitor.expect("X")[0] == "4")
            try monitor.expect("E")
        }
    }

    @Test func aMonitorThatRunsItsProgramAgainHoldsNothingOfTheOneBefore() throws {
        try withMonitor { monitor in
            var descriptors: [Int] = []
            for _ in 0..<3 {
                try monitor.start("echo again")
                try monitor.expect("X")
                try monitor.expect("E")
                descriptors.append(ProcessTable.descriptors(monitor.pid).count)
            }
            #expect(descriptors == Array(repeating: descriptors[0], count: 3))
            #expect(monitor.log == "again\nagain\nagain\n")
        }
    }
}
