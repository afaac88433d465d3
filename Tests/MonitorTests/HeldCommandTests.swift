// The command of a program that is given held sockets: every kind of command runs as it does
// without, and a program that the shell only has to become finds its own pid in LISTEN_PID.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct HeldCommandTests {
    /// The exit code of `command` and what it wrote, with a held port.
    private func run(_ command: String, _ monitor: MonitorHarness) throws -> (String, String) {
        TestSupport.TemporaryFolder.write(
            "test \"$LISTEN_PID\" = $$ && exit 7", to: monitor.folder + "/own")
        TestSupport.TemporaryFolder.write("exit 5", to: monitor.folder + "/five")
        // Another process may take the port between the look and the hold.
        for _ in 0..<20 {
            monitor.send("L", ["\(UInt16.random(in: 20_000...31_999))"])
            let answer = try monitor.receive()
            answer.closeDescriptors()
            if answer.type == "D" { break }
        }
        monitor.run(command, directory: monitor.folder)
        try monitor.expect("P").closeDescriptors()
        return (try monitor.expect("X")[0], monitor.log)
    }

    @Test(arguments: [
        ("exit 3", "3"), (". ./five", "5"), ("command sh five", "5"), ("ulimit -n 500", "0"),
        ("umask 077", "0"), ("A=1", "0"), ("A=1 B=2 ", "0"), ("! sh five", "0"),
        ("cd / && exit 4", "4"), ("(exit 6)", "6"), ("trap 'exit 8' EXIT", "8"),
        ("A=1 . ./five", "5"), ("true", "0"), ("f () (exit 3)", "0"), ("$EMPTY sh five", "5"),
        ("'exit' 3", "3"), ("eval exit 3", "3"), (">/dev/null sh five", "5"), ("return 3", "3"),
        ("# nothing", "0"), ("unset A", "0"),
    ])
    func `A command runs as the shell runs it`(command: String, code: String) throws {
        try withMonitor { monitor in
            let (exit, log) = try run(command, monitor)
            #expect(exit == code, "\(log)")
            #expect(log.isEmpty)
        }
    }

    @Test(arguments: [
        "sh own", "  sh own", "sh own # and no more", "sh own >/dev/null", "\nsh own\n",
        "/bin/sh ./own", "A=1 sh own", "A=1 B=x/y:z sh own", "exec sh own", "cd . && exec sh own",
    ])
    func `A single program finds its own pid beside the sockets`(command: String) throws {
        try withMonitor { monitor in
            let (exit, log) = try run(command, monitor)
            #expect(exit == "7", "\(log)")
        }
    }
}
