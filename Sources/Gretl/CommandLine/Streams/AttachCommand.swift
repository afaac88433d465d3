// gr attach: the terminal here becomes the terminal of a service that was given one. Keys go to the
// program as they are, but for those that detach; its output comes as it is, because it is drawn
// for a terminal. The terminal here is set back whichever way this ends.

internal import NetCore

enum AttachCommand {
    static let defaultKeys = "ctrl-]"

    static let run: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let name = context.invocation.arguments[0]
        let text = context.invocation.value("detach-keys") ?? defaultKeys
        guard let keys = DetachKeys(text) else {
            throw .usage(
                "'\(text)' are no keys to detach with", hint: "such as ctrl-] or ctrl-p,ctrl-q")
        }
        let client = try context.client()
        let stream = try ServiceCommands.named(name, client, context) { () throws(CommandFailure) in
            try client.open(
                "POST", DaemonClient.target(service: name, "/attach"), upgrade: "tcp")
        }
        var session = AttachSession(name, stream, keys, client, context)
        return try session.run(keysText: text)
    }
}

/// The keys that detach, found in what is typed.
struct DetachKeys {
    private let keys: [UInt8]
    /// How many of them were typed last.
    private var matched = 0

    /// Reads `ctrl-p,ctrl-q`, `ctrl-]`, `x`.
    init?(_ text: String) {
        var keys: [UInt8] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let last = word.utf8.last, last > 0x20, last < 0x7F else { return nil }
            if word.utf8.count == 1 {
                keys.append(last)
            } else {
                // Ctrl takes the letter's two high bits away.
                let letter = last & 0xDF
                guard word.utf8.count == 6, word.lowercased().hasPrefix("ctrl-"),
                    (0x40...0x5F).contains(last >= 0x60 ? letter : last)
                else { return nil }
                keys.append((last >= 0x60 ? letter : last) & 0x1F)
            }
        }
        guard (1...8).contains(keys.count) else { return nil }
        self.keys = keys
    }

    /// What of `bytes` is for the program, and whether the keys were among them.
    mutating func take(_ bytes: [UInt8]) -> (send: [UInt8], isDetached: Bool) {
        var send: [UInt8] = []
        for byte in bytes {
            guard matched > 0 || byte == keys[0] else {
                send.append(byte)
                continue
            }
            // What of it may still become the keys is kept back: as much as can be, since they may
            // begin within what looked like their beginning.
            let typed = keys[..<matched] + [byte]
            matched =
                (1...typed.count).last { typed.suffix($0).elementsEqual(keys.prefix($0)) } ?? 0
            if matched == keys.count { return (send, true) }
            send += typed.dropLast(matched)
        }
        return (send, false)
    }
}

/// One run of gr attach, from the 101 on.
private struct AttachSession {
    private enum End {
        case detached
        case programEnded
        /// What was piped in is typed, and nothing comes any more.
        case inputOver
        case outputFailed
        case signal(Int32)
    }

    private let name: String
    private let stream: BlockingStream
    private var keys: DetachKeys
    private let client: DaemonClient
    private let context: CommandContext
    /// Typed and not sent yet.
    private var typed: [UInt8] = []
    private var isInputOver = false

    /// How long nothing comes behind the end of piped input until that was all, in milliseconds:
    /// a script must not wait for ever for what nobody can ask for any more.
    private static let lastPatience: Int32 = 2_000
    /// Input is not read beyond that.
    private static let typedMost = 64 << 10

    init(
        _ name: String, _ stream: BlockingStream, _ keys: DetachKeys, _ client: DaemonClient,
        _ context: CommandContext
    ) {
        self.name = name
        self.stream = stream
        self.keys = keys
        self.client = client
        self.context = context
    }

    mutating func run(keysText: String) throws(CommandFailure) -> ExitCode {
        let signals = HeldSignals(
            HeldSignals.ending
                + [HeldSignals.brokenPipe, HeldSignals.resize, HeldSignals.resume])
        if context.io.inputIsTerminal { remark("attached to \(name); \(keysText) detaches") }
        let terminal = context.io.inputIsTerminal ? RawTerminal(Terminal.input) : nil
        resize()
        let end = converse(signals, terminal)
        terminal?.restore()
        switch end {
        case .detached: remark("detached; gr attach \(ShellQuoting.quoted(name)) comes back")
        case .programEnded: remark("\(name) has ended")
        case .inputOver:
            remark(
                "the input is over; \(name) goes on: gr logs -f \(ShellQuoting.quoted(name))")
        case .outputFailed:
            if signals.next() == HeldSignals.brokenPipe { Terminal.end(by: HeldSignals.brokenPipe) }
        case .signal(let number): Terminal.end(by: number)
        }
        try context.io.checkOutput()
        return .success
    }

    /// Beside the program's output.
    private func remark(_ text: String) {
        if !context.isQuiet { context.warn(text) }
    }

    private mutating func converse(_ signals: HeldSignals, _ terminal: RawTerminal?) -> End {
        // What came with the head of the answer makes no descriptor ready.
        if isOver() { return .programEnded }
        while true {
            let input = isInputOver || typed.count > Self.typedMost ? -1 : Terminal.input
            let isLast = isInputOver && terminal == nil && typed.isEmpty
            let ready = Terminal.waitReadable(
                [input, stream.descriptor, signals.descriptor],
                milliseconds: isLast ? Self.lastPatience : typed.isEmpty ? -1 : 20, holdsOn: true)
            if isLast, !ready.contains(true) { return .inputOver }
            if ready[2] {
                switch signals.next() {
                case nil: break
                case HeldSignals.resize: resize()
                case HeldSignals.resume:
                    terminal?.enter()
                    resize()
                case .some(let number): return .signal(number)
                }
            }
            var isDetached = false
            if ready[0], let bytes = Terminal.take(from: Terminal.input) {
                isInputOver = bytes.isEmpty
                let taken = terminal == nil ? (send: bytes, isDetached: false) : keys.take(bytes)
                typed += taken.send
                isDetached = taken.isDetached
            }
            while !typed.isEmpty {
                guard let count = stream.send(typed[...]) else { return .programEnded }
                if count == 0 { break }
                typed.removeFirst(count)
            }
            // Behind what was typed before the keys, as far as the program takes it.
            if isDetached { return .detached }
            if ready[1] || !typed.isEmpty, isOver() { return .programEnded }
            if context.io.outputFailure() != nil { return .outputFailed }
        }
    }

    /// Shows what the program wrote; true when that was all.
    private func isOver() -> Bool {
        // One that writes without a pause must not keep keys from being read.
        for _ in 0..<16 {
            let next: [UInt8]?
            do { next = try stream.next() } catch { return true }
            guard let bytes = next else { return false }
            guard !bytes.isEmpty else { return true }
            context.io.writeOutput(bytes)
        }
        return false
    }

    /// Tells the program how large the terminal here is. It may have ended: that is seen elsewhere.
    private func resize() {
        guard let size = RawTerminal.size(Terminal.output) else { return }
        let query = "/resize?rows=\(min(size.rows, 10_000))&cols=\(min(size.columns, 10_000))"
        _ = try? client.call("POST", DaemonClient.target(service: name, query))
    }
}
