// What a registration says about how a program is treated reaches the monitor that treats it.

import Glibc
import TestSupport
import Testing

struct ProgramOptionTests {
    @Test("tty, stopSignal and logFile of a spec are what its program gets")
    func options() throws {
        let fixture = try ServiceFixture()
        let log = fixture.folder.file("own.log")
        try fixture.register(
            "shell",
            command: "test -t 0 && test -t 1 && stty size; trap 'echo int; exit 3' INT; "
                + "trap 'echo term; exit 4' TERM; echo up; while :; do sleep 0.05; done",
            more: "\"tty\":true,\"stopSignal\":\"SIGINT\",\"cwd\":\"\(fixture.folder.path)\","
                + "\"logFile\":\"\(log)\"")
        #expect(try fixture.start("shell").status == 200)
        #expect(eventually { TextFile.read(log) == "24 80\r\nup\r\n" })
        #expect(try fixture.stop("shell", "?grace=5000").status == 200)
        #expect(try fixture.service("shell")["exitCode"] == .number("3"))
        #expect(TextFile.read(log)?.hasSuffix("int\r\n") == true)
        #expect(TextFile.read(log)?.contains("term") == false)
    }

    @Test("a log is rotated at its cap and what it consists of is every line once")
    func caps() throws {
        let fixture = try ServiceFixture()
        // 14.9 MB: one file of 10 MiB and a rest.
        try fixture.register(
            "much", command: "exec seq 1 2000000", more: "\"restart\":\"never\"")
        try fixture.start("much")
        #expect(try fixture.waits("much", for: "stopped", within: 20_000))
        let log = fixture.daemon.home + "/logs/much.log"
        let (old, new) = (TextFile.bytes(log + ".1") ?? [], TextFile.bytes(log) ?? [])
        let index = TextFile.bytes(log + ".1.times") ?? []
        #expect(old.count + index.count <= 10 << 20)
        #expect(old.count > 9 << 20 && old.last == 10)
        #expect(old.count + new.count == 14_888_896)
        #expect(TextFile.read(log + ".2") == nil)
    }
}
