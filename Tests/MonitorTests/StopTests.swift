// A stop ends the program and everything that came of it, and nothing else.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct StopTests {
    @Test func aProgramThatListensToTermEndsWithinTheGrace() throws {
        try withMonitor { monitor in
            try monitor.start("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done")
            #expect(eventually { monitor.log == "up\n" })
            monitor.send("S", ["8000"])
            let took = try seconds {
                let exit = try monitor.expect("X")
                #expect(exit.fields.prefix(4) == ["7", "0", "1", "0"])
                try monitor.expect("E")
            }
            #expect(took < 5)
            #expect(monitor.log.hasSuffix("bye\n"))
        }
    }

    @Test func aProgramThatIgnoresTermIsKilledAfterTheGrace() throws {
        try withMonitor { monitor in
            try monitor.start("trap '' TERM; echo up; while :; do sleep 1; done")
            #expect(eventually { monitor.log == "up\n" })
            let took = try seconds {
                monitor.send("S", ["300"])
                let exit = try monitor.expect("X")
                #expect(exit.fields.prefix(4) == ["", "9", "1", "1"])
                try monitor.expect("E")
            }
            #expect(took >= 0.3 && took < 5)
        }
    }

    @Test func aSecondStopCanOnlyShortenTheGrace() throws {
        try withMonitor { monitor in
            try monitor.start("trap '' TERM; echo up; while :; do sleep 1; done")
            #expect(eventually { monitor.log == "up\n" })
            monitor.send("S", ["60000"])
            monitor.send("S", ["90000"])
            #expect(monitor.isSilent())
            monitor.send("S", ["0"])
            let exit = try monitor.expect("X")
            #expect(exit.fields.prefix(4) == ["", "9", "1", "1"])
            try monitor.expect("E")
        }
    }

    @Test func aStoppedProgramCanBeStopped() throws {
        try withMonitor { monitor in
            let pid = try monitor.start("exec sleep 60")
            kill(pid, SIGSTOP)
            #expect(eventually { statusLine(pid, "State").hasPrefix("T") })
            monitor.send("S", ["8000"])
            #expect(try monitor.expect("X").fields.prefix(4) == ["", "15", "1", "0"])
            try monitor.expect("E")
        }
    }

    @Test func aGrandchildThatForkedTwiceAndLeftTheSessionIsFoundAndEnded() throws {
        try withMonitor { monitor in
            let file = monitor.folder + "/pid"
            try monitor.start(
                "(setsid sh -c 'trap \"\" TERM; echo $$ > \(file).tmp; mv \(file).tmp \(file); "
                    + "while :; do sleep 1; done' &) & sleep 60")
            let stray = try #require(pid(from: file))
            #expect(getsid(stray) == stray)
            monitor.send("S", ["400"])
            #expect(try monitor.expect("X").fields.prefix(4) == ["", "15", "1", "0"])
            #expect(isAlive(stray))
            try monitor.expect("E")
            #expect(!isAlive(stray))
        }
    }

    @Test func anEscapedGrandchildHearsTermOnceTheProgramIsGone() throws {
        try withMonitor { monitor in
            let file = monitor.folder + "/pid"
            try monitor.start(
                "(setsid sh -c 'trap \"echo heard; exit\" TERM; echo $$ > \(file).tmp; "
                    + "mv \(file).tmp \(file); while :; do sleep 0.05; done' &) & sleep 60")
            _ = try #require(pid(from: file))
            monitor.send("S", ["8000"])
            try monitor.expect("X")
            try monitor.expect("E")
            #expect(monitor.log.hasSuffix("heard\n"))
        }
    }

    @Test func descendantsLeftBehindStayUntilTheyAreStopped() throws {
        try withMonitor { monitor in
            let file = monitor.folder + "/pid"
            try monitor.start("sleep 60 & echo $! > \(file); exit 0")
            try monitor.expect("X")
            let left = try #require(pid(from: file))
            #expect(monitor.isSilent())
            #expect(isAlive(left))
            monitor.send("S", ["5000"])
            try monitor.expect("E")
            #expect(!isAlive(left))
        }
    }

    @Test func aCrowdEndsWithinTheStop() throws {
        try withMonitor { monitor in
            try monitor.start(
                "i=0; while [ $i -lt 25 ]; do "
                    + "setsid sh -c 'trap \"\" TERM; sleep 61 & wait; sleep 62' & "
                    + "i=$((i+1)); done; echo up; wait")
            #expect(eventually { monitor.log == "up\n" })
            usleep(200_000)
            let took = try seconds {
                monitor.send("S", ["0"])
                let exit = try monitor.expect("X")
                #expect(exit.fields.prefix(4) == ["", "9", "1", "1"])
                try monitor.expect("E")
            }
            #expect(took < 5)
        }
    }

    @Test func aProgramThatForksAwayFromEverySignalIsCaught() throws {
        try withMonitor { monitor in
            let script = monitor.folder + "/hop"
            // Each lives for a millisecond and leaves the session of the one before.
            try monitor.start(
                "echo 'setsid sh \(script) & exit' > \(script); setsid sh \(script) & sleep 60")
            usleep(100_000)
            monitor.send("S", ["0"])
            try monitor.expect("X")
            let took = try seconds { try monitor.expect("E") }
            #expect(took < 5)
        }
    }

    @Test func aStopWithoutAProgramIsAnsweredAtOnce() throws {
        try withMonitor { monitor in
            monitor.send("S", ["1000"])
            try monitor.expect("E")
            try monitor.start("exit 0")
            try monitor.expect("X")
            try monitor.expect("E")
            monitor.send("S", ["1000"])
            try monitor.expect("E")
        }
    }

    @Test func aStrangersProcessIsNeverTouched() throws {
        let bystander = try Spawned("/bin/sleep", ["sleep", "60"], descriptors: [])
        defer {
            _ = cepoll_pidfd_signal(bystander.pidfd, SIGKILL)
            _ = Spawned.collect(bystander.pid)
            close(bystander.pidfd)
        }
        try withMonitor { monitor in
            try monitor.start("sleep 60 & sleep 60")
            monitor.send("S", ["0"])
            try monitor.expect("X")
            try monitor.expect("E")
            #expect(isAlive(bystander.pid))
        }
    }

    private func pid(from file: String) -> Int32? {
        guard eventually({ TextFile.read(file)?.hasSuffix("\n") == true }) else { return nil }
        return TextFile.read(file).flatMap { Int32($0.dropLast()) }
    }
}
