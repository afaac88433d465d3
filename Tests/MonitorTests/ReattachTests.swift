// The daemon may die at any moment: the program goes on, and the next daemon learns everything.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ReattachTests {
    @Test func aNewDaemonIsGreetedWithTheStateAndTheDescriptors() throws {
        try withMonitor(name: "api") { monitor in
            monitor.run("while :; do echo tick; sleep 0.05; done")
            let spawned = try monitor.expect("P")
            spawned.closeDescriptors()
            monitor.send("Y")
            monitor.hangUp()
            let before = monitor.log.count
            #expect(eventually { monitor.log.count > before + 10 })
            let hello = try monitor.reconnect()
            defer { hello.closeDescriptors() }
            #expect(
                hello.fields == [
                    "2", monitor.id, "api", String(monitor.pid), "running", spawned[0], spawned[1],
                    spawned[2], "1", "0", "", "", "", "", "", "0", "0", "0", "0", "po",
                ])
            try #require(hello.descriptors.count == 2)
            #expect(cepoll_pidfd_signal(hello.descriptors[0], SIGKILL) == 0)
            #expect(try monitor.expect("X")[1] == "9")
        }
    }

    @Test func anExitThatNobodyHeardIsInTheGreetingAndOnDisk() throws {
        try withMonitor { monitor in
            try monitor.start("sleep 0.1; sleep 60 & exit 17")
            monitor.hangUp()
            #expect(eventually { TemporaryFolder.exists(monitor.recordPath) })
            let hello = try monitor.reconnect()
            #expect(hello[4] == "exited")
            #expect(hello.fields[10...].prefix(4) == ["17", "0", "0", "0"])
            #expect(hello.descriptors.isEmpty)
            monitor.send("S", ["0"])
            try monitor.expect("E")
            #expect(try monitor.reconnect()[4] == "empty")
        }
    }

    @Test func whomNobodyCanFindAnyMoreEndsBehindItsProgram() throws {
        try withMonitor { monitor in
            let program = try monitor.start("sleep 1; exit 3")
            monitor.hangUp()
            TemporaryFolder.remove(monitor.folder)
            #expect(!waitReadable(monitor.pidfd, 300) || !ProcessTable.isAlive(program))
            #expect(monitor.exitCode() == 0)
        }
    }

    @Test func aStopGoesOnWithoutTheDaemonThatAskedForIt() throws {
        try withMonitor { monitor in
            try monitor.start("trap '' TERM; echo up; while :; do sleep 1; done")
            #expect(eventually { monitor.log == "up\n" })
            monitor.send("S", ["300"])
            monitor.hangUp()
            #expect(eventually { TemporaryFolder.exists(monitor.recordPath) })
            let hello = try monitor.reconnect()
            #expect(hello[9] == "1")
            #expect(hello.fields[10...].prefix(4) == ["", "9", "1", "1"])
        }
    }

    @Test func collectedRemovesTheFilesAndEndsTheMonitor() throws {
        try withMonitor { monitor in
            try monitor.start("exit 0")
            try monitor.expect("X")
            try monitor.expect("E")
            #expect(TemporaryFolder.mode(monitor.socketPath) == 0o600)
            monitor.send("C")
            #expect(monitor.exitCode() == 0)
            #expect(TemporaryFolder.names(monitor.folder).sorted() == ["log", "log.times"])
        }
    }

    @Test func collectedWaitsForTheTree() throws {
        try withMonitor { monitor in
            try monitor.start("sleep 60 & exit 0")
            try monitor.expect("X")
            monitor.send("C")
            #expect(
                eventually {
                    TemporaryFolder.names(monitor.folder).sorted() == ["log", "log.times"]
                })
            #expect(monitor.exitCode(within: 100) == nil)
            monitor.send("S", ["5000"])
            try monitor.expect("E")
            #expect(monitor.exitCode() == 0)
        }
    }

    @Test func collectedIsNoWayToLoseARunningProgram() throws {
        try withMonitor { monitor in
            let pid = try monitor.start("sleep 60")
            monitor.send("C")
            #expect(monitor.isSilent())
            #expect(isAlive(pid))
            #expect(try monitor.reconnect()[4] == "running")
        }
    }

    @Test func aSecondConnectionReplacesTheFirst() throws {
        try withMonitor { monitor in
            try monitor.start("sleep 60")
            let second = try monitor.connectAgain()
            #expect(throws: HarnessError.self) { try monitor.receive() }
            monitor.adopt(second)
            #expect(try monitor.expect("H")[4] == "running")
        }
    }

    @Test func aMonitorThatWasNeverUsedEndsWithItsDaemon() throws {
        try withMonitor { monitor in
            monitor.hangUp()
            #expect(monitor.exitCode() == 0)
            #expect(TemporaryFolder.names(monitor.folder).isEmpty)
        }
    }

    @Test func aStartWhoseDaemonIsGoneAlreadyDoesNotHappen() throws {
        try withMonitor { monitor in
            // Held back until both the order and the end of its sender are waiting.
            kill(monitor.pid, SIGSTOP)
            #expect(eventually { statusLine(monitor.pid, "State").hasPrefix("T") })
            monitor.run("echo started")
            monitor.hangUp()
            kill(monitor.pid, SIGCONT)
            #expect(monitor.exitCode() == 0)
            #expect(monitor.log.isEmpty)
            #expect(!TemporaryFolder.exists(monitor.socketPath))
        }
    }

    @Test func aStopThatWasSentBeforeTheDaemonDiedIsCarriedOut() throws {
        try withMonitor { monitor in
            let pid = try monitor.start("sleep 60 & sleep 60")
            kill(monitor.pid, SIGSTOP)
            #expect(eventually { statusLine(monitor.pid, "State").hasPrefix("T") })
            monitor.send("S", ["5000"])
            monitor.hangUp()
            kill(monitor.pid, SIGCONT)
            #expect(eventually { TemporaryFolder.exists(monitor.recordPath) })
            #expect(!isAlive(pid))
            #expect(eventually { (try? monitor.reconnect()[4]) == "empty" })
        }
    }

    @Test func aStaleSocketOfTheSameNameIsReplaced() throws {
        try withMonitor { monitor in
            close(unsafe open(monitor.socketPath, O_CREAT | O_CLOEXEC, 0o600))
            try monitor.start("sleep 60")
            #expect(try monitor.reconnect()[4] == "running")
        }
    }

    @Test func nonsenseIsIgnored() throws {
        try withMonitor { monitor in
            let pid = try monitor.start("sleep 60")
            for bytes in [[0x21], [0x53], [0x53, 0x78, 0], [0, 0, 0], [0x52], [0xff, 0xff]] {
                monitor.sendRaw(bytes.map { UInt8($0) })
            }
            monitor.sendRaw([UInt8](repeating: 0x53, count: 100_000))
            #expect(monitor.isSilent())
            #expect(isAlive(pid))
            #expect(try monitor.reconnect()[9] == "0")
        }
    }

    @Test func aDaemonThatNeverReadsBlocksNothing() throws {
        try withMonitor { monitor in
            // Each answer of this flood stays unread: the queue fills and the rest is not kept.
            for _ in 0..<5000 { monitor.send("S", ["0"]) }
            usleep(100_000)
            while (try? monitor.receive(within: 200)) != nil {}
            try monitor.start("echo alive")
            #expect(try monitor.expect("X")[0] == "0")
        }
    }

    @Test func signalsForTheDaemonDoNotReachThePrograms() throws {
        try withMonitor { monitor in
            let pid = try monitor.start("sleep 60")
            for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGPIPE, SIGXFSZ, 40] {
                kill(monitor.pid, signal)
            }
            #expect(try monitor.reconnect()[4] == "running")
            #expect(isAlive(pid))
        }
    }

    @Test func aMonitorIsSmallAndSleepsWhenNothingHappens() throws {
        try withMonitor { monitor in
            let variables = (0..<500).map { "VARIABLE_\($0)=\(String(repeating: "x", count: 100))" }
            try monitor.start("seq 1 100000; sleep 60", environment: ["PATH=/bin"] + variables)
            #expect(eventually { monitor.log.hasSuffix("100000\n") })
            #expect(eventually { statusLine(monitor.pid, "State").hasPrefix("S") })
            let resident = Int(statusLine(monitor.pid, "VmRSS").prefix { $0.isNumber }) ?? .max
            #expect(resident <= 1024)
            let before = statusLine(monitor.pid, "voluntary_ctxt_switches")
            usleep(400_000)
            #expect(statusLine(monitor.pid, "voluntary_ctxt_switches") == before)
        }
    }
}
