// `logFile`: no two services write to one log or to what rotation makes of it, and no file that the
// monitor has not written is appended to or removed.

import TestSupport
import Testing

@Suite struct ServiceLogFileTests {
    let fixture: ServiceFixture
    let work = TemporaryFolder()

    init() throws { fixture = try ServiceFixture() }

    private func register(_ name: String, _ path: String) throws -> WireAnswer {
        try fixture.daemon.ask(
            "POST", "/v1/services",
            "{\"name\":\"\(name)\",\"port\":null,\"cmd\":\"echo hello; exec sleep 300\",\"cwd\":\"\(work.path)\","
                + "\"restart\":\"never\",\"logFile\":\"\(path)\"}")
    }

    @Test(arguments: ["", ".1", ".12", ".times", ".1.times"])
    func aFileOfAnotherServicesLogIsRefused(ending: String) throws {
        let (short, long) = (work.file("x.log"), work.file("x.log\(ending)"))
        for (first, second) in [(short, long), (long, short)] {
            #expect(try register("a", first).status == 201)
            let answer = try register("b", second)
            #expect(answer.status == 400, "\(second)")
            #expect(answer.message.contains("the log of 'a'"), "\(answer.message)")
            #expect(try fixture.daemon.ask("DELETE", "/v1/services/a").status == 200)
        }
        #expect(try register("a", short).status == 201)
        #expect(try register("b", work.file("x.log.old")).status == 201)
    }

    @Test func theUsualLogOfAServiceThatComesLaterIsKeptFreeForIt() throws {
        let logs = "\(fixture.daemon.home)/logs"
        #expect(try register("a", "\(logs)/b.log").status == 201)
        let answer = try fixture.daemon.ask("POST", "/v1/services", #"{"name":"b","port":null}"#)
        #expect(answer.status == 400, "\(answer.text)")
        try fixture.register("c", command: "true")
        #expect(try register("d", "\(logs)/c.log.1").status == 400)
    }

    @Test func aRefusalNamesTheFolderThatIsMeant() throws {
        let home = fixture.daemon.home
        let inside = try fixture.daemon.ask(
            "POST", "/v1/services",
            "{\"name\":\"x\",\"port\":null,\"cwd\":\"\(home)\",\"logFile\":\"\(home)/x.log\"}")
        #expect(inside.status == 400)
        #expect(inside.message.contains("the daemon's own folder"), "\(inside.message)")
        #expect(!inside.message.contains("outside"), "\(inside.message)")
        #expect(try register("a", "/usr/x.log").message.contains("outside of"))
    }

    @Test func aFileThatIsNoLogIsNeitherTakenNorRemoved() throws {
        let source = work.file("main.py")
        TemporaryFolder.write("print(1)\n", to: source)
        let answer = try register("a", source)
        #expect(answer.status == 400)
        #expect(answer.message.contains("no log of a service"), "\(answer.message)")
        TemporaryFolder.write("mine\n", to: work.file("y.log.1"))
        #expect(try register("a", work.file("y.log")).status == 400)
        // Written behind the registration; the service never ran.
        let late = work.file("late.log")
        #expect(try register("a", late).status == 201)
        TemporaryFolder.write("mine\n", to: late)
        let removed = try fixture.daemon.ask("DELETE", "/v1/services/a?purge=1")
        #expect(removed.json["warnings"].items.count == 1, "\(removed.text)")
        #expect(TextFile.read(late) == "mine\n")
    }

    @Test func aLogOfAnEarlierServiceIsTakenAndRemoved() throws {
        let log = work.file("x.log")
        #expect(try register("a", log).status == 201)
        #expect(try fixture.start("a").status == 200)
        #expect(eventually { TextFile.read(log) == "hello\n" })
        #expect(try fixture.daemon.ask("DELETE", "/v1/services/a").status == 200)
        #expect(try register("b", log).status == 201)
        let removed = try fixture.daemon.ask("DELETE", "/v1/services/b?purge=1")
        #expect(removed.json["warnings"].items.isEmpty, "\(removed.text)")
        #expect(TextFile.read(log) == nil)
        #expect(TextFile.read("\(log).times") == nil)
    }
}
