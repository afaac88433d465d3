// A disk that takes nothing costs output, never the program; and what a monitor costs itself.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct FullDiskTests {
    /// A file that takes all the room but `left` bytes, on this disk.
    private func fill(_ disk: SmallDisk, but left: Int) throws {
        let path = disk.path + "/ballast"
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(file) }
        let page = [UInt8](repeating: 0, count: 4_096)
        // Until there is no room, then a few pages back.
        var total = 0
        while unsafe write(file, page, page.count) == page.count { total += page.count }
        #expect(ftruncate(file, off_t(max(0, total - left))) == 0)
    }

    @Test(.enabled(if: SmallDisk.isPossible))
    func rotationGoesOnWhenTheDiskIsFullAndWhatWasLostIsSaid() throws {
        let disk = try #require(SmallDisk(kilobytes: 256))
        try withMonitor { monitor in
            try fill(disk, but: 40_960)
            let log = disk.path + "/log"
            let go = monitor.folder + "/go"
            monitor.send("O", ["log_bytes=16384", "log_files=3"])
            monitor.run(
                "seq 1 20000; echo written > \(monitor.folder)/done; "
                    + "while ! [ -e \(go) ]; do sleep 0.02; done; seq 30001 30500; exit 4",
                log: log)
            try monitor.expect("P").closeDescriptors()
            // It was not held up.
            #expect(eventually { TemporaryFolder.exists(monitor.folder + "/done") })
            // Three files of 16 KiB fit as they are: the oldest ones made room.
            #expect(unsafe unlink(disk.path + "/ballast") == 0)
            touch(go)
            #expect(try monitor.expect("X")[0] == "4")
            try monitor.expect("E")
            let text = [log + ".2", log + ".1", log].map { TextFile.read($0) ?? "" }.joined()
            let lines = text.split(separator: "\n")
            let numbers = lines.compactMap { Int($0) }
            #expect(Array(numbers.suffix(500)) == Array(30_001...30_500))
            // A number can be cut where the room ended, and only there.
            let notes = lines.count { $0.hasPrefix("[gr-monitor: ") }
            #expect(zip(numbers, numbers.dropFirst()).count { $0 >= $1 } <= notes)
        }
    }

    @Test(.enabled(if: SmallDisk.isPossible))
    func aDiskWithoutRoomForOneFileCostsOutputAndSaysHowMuch() throws {
        let disk = try #require(SmallDisk(kilobytes: 64))
        try withMonitor { monitor in
            let log = disk.path + "/log"
            let go = monitor.folder + "/go"
            monitor.send("O", ["log_bytes=1048576", "log_files=3"])
            monitor.run(
                "echo first; while ! [ -e \(go).1 ]; do sleep 0.02; done; seq 1 3000; "
                    + "echo > \(go).2; while ! [ -e \(go).3 ]; do sleep 0.02; done; echo last",
                log: log)
            try monitor.expect("P").closeDescriptors()
            #expect(eventually { TextFile.read(log) == "first\n" })
            try fill(disk, but: 0)
            touch(go + ".1")
            #expect(eventually { TemporaryFolder.exists(go + ".2") })
            // What is in the pipe still is the monitor's.
            usleep(100_000)
            #expect(unsafe unlink(disk.path + "/ballast") == 0)
            touch(go + ".3")
            #expect(try monitor.expect("X")[0] == "0")
            try monitor.expect("E")
            let text = TextFile.read(log) ?? ""
            #expect(text.hasPrefix("first\n") && text.hasSuffix("last\n"))
            // 13,893 bytes of numbers, of which the page that was there took the first.
            let note = try #require(text.firstRange(of: "[gr-monitor: "))
            let dropped = Int(text[note.upperBound...].prefix { $0.isNumber }) ?? 0
            let kept = text[..<note.lowerBound].utf8.count - 6
            #expect(dropped > 5_000 && (0...1).contains(dropped + kept - 13_893))
        }
    }

    private func freePort() throws -> UInt16 {
        var address = cepoll_address()
        // Pointers to locals, for the length of the calls.
        try #require(unsafe cepoll_address_parse(&address, "127.0.0.1", 0) == 0)
        let listener = unsafe cepoll_listen(&address, 1)
        defer { close(listener) }
        try #require(unsafe cepoll_local_address(listener, &address) == 0)
        return unsafe UInt16(clamping: cepoll_address_port(&address))
    }

    @Test func aMonitorWithEverythingFitsIntoAMegabyte() throws {
        try withMonitor { monitor in
            let environment =
                ["PATH=/usr/bin:/bin"]
                + (0..<900).map { "V\($0)=" + String(repeating: "x", count: 150) }
            monitor.send("O", ["tty=1", "log_bytes=65536", "log_files=5"])
            monitor.send("L", ["\(try freePort())"])
            try monitor.expect("D").closeDescriptors()
            try monitor.start("seq 1 200000; echo the end; sleep 60", environment: environment)
            var clients: [Int32] = []
            defer { for client in clients { close(client) } }
            for _ in 0..<4 {
                var pair: [Int32] = [-1, -1]
                try #require(
                    unsafe cepoll_socketpair(Int32(SOCK_STREAM.rawValue), &pair) == 0)
                monitor.send("T", lending: [pair[1]])
                close(pair[1])
                clients.append(pair[0])
            }
            #expect(eventually { monitor.log.hasSuffix("the end\r\n") })
            // A stop goes through /proc.
            #expect(try monitor.reconnect()[4] == "running")
            let resident =
                Int(statusLine(monitor.pid, "VmRSS").prefix { $0.isNumber }) ?? .max
            print("a monitor with everything: \(resident) KiB")
            #expect((1...1_024).contains(resident))
        }
    }
}
