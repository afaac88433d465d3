// The terminal of a client command in raw mode, for gr attach: every key goes to the program, and
// what was set before is set again whichever way the command ends. Also what a command asks of a
// terminal: a line of input, and the signals it must not die of with the terminal in that state.

import Glibc
import NetCore

/// A terminal whose keys are handed on as they are.
package final class RawTerminal {
    private let descriptor: Int32
    private var before = termios()
    private var isRaw = false

    /// Nil when the descriptor is no terminal.
    package init?(_ descriptor: Int32) {
        self.descriptor = descriptor
        // The kernel fills the one structure.
        guard unsafe tcgetattr(descriptor, &before) == 0 else { return nil }
        enter()
    }

    deinit { restore() }

    /// Raw again, behind a stop of the process.
    package func enter() {
        var raw = before
        // Plain structures that outlive the calls.
        unsafe cfmakeraw(&raw)
        isRaw = unsafe tcsetattr(descriptor, TCSANOW, &raw) == 0
    }

    /// As it was.
    package func restore() {
        guard isRaw else { return }
        isRaw = false
        // What was typed and not read stays for the shell.
        _ = unsafe tcsetattr(descriptor, TCSANOW, &before)
    }

    /// Rows and columns; nil when the descriptor is no terminal, or does not say.
    package static func size(_ descriptor: Int32) -> (rows: Int, columns: Int)? {
        var size = winsize()
        // The kernel fills the one structure.
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0,
            size.ws_col > 0
        else { return nil }
        return (Int(size.ws_row), Int(size.ws_col))
    }
}

extension Terminal {
    /// The next bytes of standard input; empty at its end, nil when there are none now.
    package static func take(from descriptor: Int32, most: Int = 4_096) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: max(1, most))
        // The kernel writes at most the array's count.
        let count = unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe Glibc.read(descriptor, bytes.baseAddress, bytes.count)
        }
        if count < 0 { return errno == EAGAIN || errno == EINTR ? nil : [] }
        return Array(bytes.prefix(count))
    }

    /// A line that somebody types, without its end; nil at the end of the input.
    package static func readLine(behind question: [UInt8]) -> String? {
        // Held back, so that the shell's prompt does not come to stand behind the question.
        let signals = HeldSignals(HeldSignals.ending)
        defer { signals.release() }
        write(question, to: errors)
        var line: [UInt8] = []
        while line.count < 4_096 {
            let isThere = waitReadable([input, signals.descriptor])
            if isThere[1], let number = signals.next() {
                write([0x0A], to: errors)
                end(by: number)
            }
            guard isThere[0] else { continue }
            guard let bytes = take(from: input, most: 1) else { continue }
            guard let byte = bytes.first else { return line.isEmpty ? nil : text(line) }
            if byte == 0x0A { return text(line) }
            line.append(byte)
        }
        return text(line)
    }

    private static func text(_ line: [UInt8]) -> String { String(decoding: line, as: UTF8.self) }

    /// Ends the process by a signal that was held back, as if it had come now.
    package static func end(by number: Int32) {
        _ = signal(number, SIG_DFL)
        var set = sigset_t()
        // The set is a value of this call.
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, number)
        unsafe sigprocmask(SIG_UNBLOCK, &set, nil)
        _ = raise(number)
    }

    /// The name of a user, or the number where there is none.
    package static func userName(_ uid: Int) -> String {
        guard let number = uid_t(exactly: uid), let entry = unsafe getpwuid(number),
            let name = unsafe entry.pointee.pw_name
        else { return "\(uid)" }
        // The entry is good until the next call; the name is copied at once.
        return unsafe String(cString: name)
    }
}
