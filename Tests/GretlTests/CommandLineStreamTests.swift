// The pure parts of the commands that follow and attach: frames, keys, and lines of output.

import Testing

@testable import Gretl

struct CommandLineStreamTests {
    @Test func `frames are put together however they are cut`() {
        let text =
            "retry: 2000\n\nevent: log\nid: a-1\ntime: 1970-01-01T01:00:00.250+01:00\n"
            + "data: {\"x\":1}\n\n: ping\n\nevent: stream.gap\n"
            + "data: {}\n\nunknown: x\n\nevent: half"
        let whole = [
            StreamFrame(type: "log", id: "a-1", time: 250, data: Array("{\"x\":1}".utf8)),
            StreamFrame(type: "stream.gap", id: nil, data: Array("{}".utf8)),
        ]
        let bytes = Array(text.utf8)
        for size in 1...bytes.count {
            var reader = FrameReader()
            var frames: [StreamFrame] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                let piece = Array(bytes[start..<min(start + size, bytes.count)])
                frames += reader.take(piece) ?? []
            }
            #expect(frames == whole, "\(size)")
        }
    }

    @Test func `a frame without an end is given up`() {
        var reader = FrameReader()
        let piece = [UInt8](repeating: 0x61, count: 1 << 20)
        var isRefused = false
        for _ in 0..<20 where !isRefused { isRefused = reader.take(piece) == nil }
        #expect(isRefused)
    }

    @Test(arguments: [
        "", ",", "ctrl-", "ctrl-é", "ctrl-1", "alt-x", "ctrl-p,", "ab", " ",
        "a,b,c,d,e,f,g,h,i",
    ])
    func `what are no keys is refused`(text: String) {
        #expect(DetachKeys(text) == nil)
    }

    @Test func `detach keys are found among what is typed`() {
        func typed(_ keys: String, _ pieces: [[UInt8]]) -> ([UInt8], Bool)? {
            guard var keys = DetachKeys(keys) else { return nil }
            var sent: [UInt8] = []
            for piece in pieces {
                let taken = keys.take(piece)
                sent += taken.send
                if taken.isDetached { return (sent, true) }
            }
            return (sent, false)
        }
        #expect(typed("ctrl-]", [[1, 2], [3, 0x1D, 4]])! == ([1, 2, 3], true))
        #expect(typed("ctrl-P,ctrl-q", [[0x10], [0x11, 9]])! == ([], true))
        #expect(typed("ctrl-p,ctrl-q", [[0x10, 0x10, 0x11]])! == ([0x10], true))
        #expect(typed("ctrl-p,ctrl-q", [[0x10, 7, 0x11]])! == ([0x10, 7, 0x11], false))
        #expect(typed("x", [[0x78]])! == ([], true))
    }

    @Test func `of output colours and tabs pass, nothing else`() {
        let text = "a\tb \u{1B}[1;31mred\u{1B}[2J\u{7}\u{202E}"
        #expect(
            DisplayText.output(text, keepsColors: true)
                == "a\tb \u{1B}[1;31mred\\x1b[2J\\x07\\u{202e}\u{1B}[0m")
        #expect(DisplayText.output(text, keepsColors: false) == "a\tb red\\x1b[2J\\x07\\u{202e}")
        let long = "\u{1B}[" + String(repeating: "1", count: 100) + "m"
        #expect(DisplayText.output(long, keepsColors: true).hasPrefix("\\x1b["))
        #expect(DisplayText.output("\u{1B}[31", keepsColors: true) == "\\x1b[31")
    }

    @Test func `words are quoted so that a shell and a reader get them right`() {
        #expect(ShellQuoting.command("gr start", "web") == "'gr start web'")
        #expect(ShellQuoting.command("gr start", "a'b") == "gr start 'a'\\''b'")
        #expect(ShellQuoting.quotedVisibly("plain") == "plain")
        #expect(ShellQuoting.quotedVisibly("a b") == "'a b'")
        #expect(ShellQuoting.quotedVisibly("a'\\\n\u{85}") == "$'a\\'\\\\\\x0a\\xc2\\x85'")
    }
}
