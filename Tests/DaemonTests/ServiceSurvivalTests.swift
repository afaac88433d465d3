// What a later daemon knows of what happened while none was there: crashes, ends nobody saw,
// reboots, pauses that were running, specs that had changed.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct ServiceSurvivalTests {
    private let port = ServiceFixture.freePort()

    private func pid(_ fixture: ServiceFixture, _ name: String) throws -> Int32 {
        Int32(try fixture.service(name)["pid"].integer ?? 0)
    }

    /// Kills the daemon, then the program and its monitor: nobody is left to ask.
    private func killAll(_ fixture: ServiceFixture, _ name: String) throws {
        let program = try pid(fixture, name)
        let monitor = ProcessTable.parents()[program] ?? 0
        try #require(monitor > 1 && program > 1)
        fixture.daemon.kill()
        kill(monitor, SIGKILL)
        kill(program, SIGKILL)
        #expect(eventually { !ProcessTable.isAlive(program) })
    }

    @Test func `A crash while no daemon ran is made good by the next one`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("yes", port: port)
        try fixture.register("no", command: "exec sleep 300", more: #""restart":"never""#)
        for name in ["yes", "no"] { #expect(try fixture.start(name).status == 200) }
        let pids = (try pid(fixture, "yes"), try pid(fixture, "no"))
        fixture.daemon.kill()
        kill(pids.0, SIGKILL)
        kill(pids.1, SIGKILL)
        usleep(100_000)
        try fixture.daemon.restart()
        #expect(try fixture.waits("yes", for: "running"))
        #expect(try pid(fixture, "yes") != pids.0)
        let no = try fixture.service("no")
        #expect(no["status"] == .string("failed"))
        #expect(no["exitCode"].integer == 137)
    }

    @Test func `An end that nobody saw is unknown, and a failure for the policy`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("no", command: "exec sleep 300", more: #""restart":"never""#)
        #expect(try fixture.start("no").status == 200)
        try killAll(fixture, "no")
        try fixture.daemon.restart()
        let no = try fixture.service("no")
        #expect(no["status"] == .string("failed"))
        #expect(no["exitCode"] == .null)
        #expect(no["stopReason"].text?.isEmpty == false)
        // Still so for the daemon after that.
        try fixture.daemon.restart()
        #expect(try fixture.service("no")["status"] == .string("failed"))
        #expect(try fixture.service("no")["exitCode"] == .null)

        try fixture.register("yes", port: port)
        #expect(try fixture.start("yes").status == 200)
        try killAll(fixture, "yes")
        try fixture.daemon.restart()
        #expect(try fixture.waits("yes", for: "running"))
        // Of one monitor.
        #expect(
            eventually {
                let names = ProcessTable.folderNames(fixture.daemon.file("run"))
                return Set(names.map { $0.prefix { $0 != "." } }).count == 1 && names.count == 3
            },
            "\(ProcessTable.folderNames(fixture.daemon.file("run")))")
    }

    @Test func `After a reboot nothing runs but what wants to`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", port: port)
        let other = ServiceFixture.freePort()
        try fixture.register("b", port: other, more: #""autostart":true"#)
        try fixture.register("c", port: ServiceFixture.freePort(), more: #""autostart":false"#)
        for name in ["a", "b"] { #expect(try fixture.start(name).status == 200) }
        try killAll(fixture, "a")
        try fixture.daemon.restart()
        #expect(try fixture.waits("a", for: "running"))
        // Now the machine itself goes down, with all of them.
        let programs = [try pid(fixture, "a"), try pid(fixture, "b")]
        let monitors = programs.compactMap { ProcessTable.parents()[$0] }
        fixture.daemon.kill()
        for one in monitors + programs where one > 1 { kill(one, SIGKILL) }
        try fixture.daemon.restart(environment: ["GR_BOOT_ID=another"])
        let a = try fixture.service("a")
        #expect(a["status"] == .string("stopped"))
        #expect(a["stopReason"] == .string("reboot"))
        #expect(a["exitCode"] == .null)
        #expect(try fixture.waits("b", for: "running"))
        #expect(try fixture.service("c")["status"] == .string("stopped"))
        // It is the same boot from here on: what was stopped stays so.
        #expect(try fixture.stop("b").status == 200)
        try fixture.daemon.restart(environment: ["GR_BOOT_ID=another"])
        #expect(try fixture.service("b")["status"] == .string("stopped"))
    }

    @Test func `A pause goes on behind a new daemon`() throws {
        let fixture = try ServiceFixture(environment: ["GR_RESTART_PAUSE_MS=3000"])
        let flag = fixture.folder.file("works")
        try fixture.register(
            "a", port: port, command: "test -e \(flag) || exit 1; \(fixture.serverCommand)")
        #expect(try fixture.start("a").status == 502)
        #expect(try fixture.waits("a", for: "backoff"))
        // The end has to be on disk first.
        usleep(200_000)
        fixture.daemon.kill()
        TemporaryFolder.write("", to: flag)
        try fixture.daemon.restart()
        #expect(try fixture.waits("a", for: "running"))
    }

    @Test func `Clients are led to the port the program was started with`() throws {
        let fixture = try ServiceFixture()
        try fixture.register("a", port: port)
        #expect(try fixture.start("a").status == 200)
        let other = ServiceFixture.freePort()
        let change = "{\"name\":\"a\",\"port\":\(other)}"
        #expect(try fixture.daemon.ask("POST", "/v1/services", change).status == 201)
        for _ in 0..<2 {
            #expect(
                try fixture.daemon.ask("GET", "/v1/resolve/a").json["port"].integer == Int(port))
            #expect(try fixture.service("a")["pendingChange"] == .bool(true))
            fixture.daemon.kill()
            try fixture.daemon.restart()
        }
        #expect(try fixture.daemon.ask("POST", "/v1/services/a/restart").status == 200)
        #expect(try fixture.daemon.ask("GET", "/v1/resolve/a").json["port"].integer == Int(other))
        #expect(try fixture.service("a")["pendingChange"] == .bool(false))
    }
}
