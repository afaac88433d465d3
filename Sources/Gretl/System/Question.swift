// Asks a person at the terminal and reads one line. Only when both ends are a terminal: a script is
// never asked, it gets an error with the option to use.

import Glibc

/// Questions on standard error, answered on standard input.
package enum Question {
    /// The longest answer that is read.
    private static let bytesMost = 256

    package static var canAsk: Bool { isatty(0) == 1 && isatty(2) == 1 }

    /// The line that was typed, without its end; nil at the end of input.
    package static func ask(_ text: String) -> String? {
        Terminal.write(Array(text.utf8), to: Terminal.errors)
        var line: [UInt8] = []
        while true {
            var byte: UInt8 = 0
            // One byte into one byte: what stands behind the line is somebody else's.
            let count = unsafe read(0, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else {
                return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
            }
            if byte == 0x0A { return String(decoding: line, as: UTF8.self) }
            if line.count < bytesMost { line.append(byte) }
        }
    }
}
