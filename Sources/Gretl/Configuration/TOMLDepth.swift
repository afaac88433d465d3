// How deep a TOML text would nest, looked at before it is parsed. toml++ bounds brackets at 256
// levels but not the parts of a dotted key, and everything behind it (its destructors, the walk to
// Swift) is recursive: half a megabyte of "a.a.a." in somebody's gr.toml would end the process.

/// Finds nesting that nobody means.
enum TOMLDepth {
    /// The most parts of one key, and the most brackets open at a time: a thousand levels together.
    static let keyPartsMost = 32
    static let bracketsMost = 32

    /// The line on which `bytes` go too deep; nil when they do not.
    static func excess(_ bytes: [UInt8]) -> Int? {
        var scanner = Scanner(bytes: bytes)
        return scanner.run()
    }

    /// Tells strings and comments from structure, as TOML does up to the first error in the text.
    private struct Scanner {
        let bytes: [UInt8]
        var at = 0
        var line = 1
        var dots = 0
        var brackets = 0

        mutating func run() -> Int? {
            while at < bytes.count {
                let byte = bytes[at]
                switch byte {
                case UInt8(ascii: "#"): skipComment()
                case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(byte)
                case UInt8(ascii: "."):
                    dots += 1
                    at += 1
                case UInt8(ascii: "["), UInt8(ascii: "{"):
                    brackets += 1
                    next()
                case UInt8(ascii: "]"), UInt8(ascii: "}"):
                    brackets -= 1
                    next()
                case UInt8(ascii: "="), UInt8(ascii: ","), 0x0A: next()
                default: at += 1
                }
                if dots >= keyPartsMost || brackets > bracketsMost { return line }
            }
            return nil
        }

        /// Behind this byte another key may begin.
        private mutating func next() {
            if bytes[at] == 0x0A { line += 1 }
            dots = 0
            at += 1
        }

        private mutating func skipComment() {
            while at < bytes.count, bytes[at] != 0x0A { at += 1 }
        }

        private mutating func skipString(_ quote: UInt8) {
            let isLong = isQuote(quote, at + 1) && isQuote(quote, at + 2)
            at += isLong ? 3 : 1
            while at < bytes.count {
                if bytes[at] == 0x0A {
                    // A short string ends with its line: the parser says what is wrong with it.
                    guard isLong else { return }
                    line += 1
                } else if bytes[at] == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                    if at + 1 < bytes.count, bytes[at + 1] == 0x0A { line += 1 }
                    at += 1
                } else if bytes[at] == quote {
                    guard isLong else {
                        at += 1
                        return
                    }
                    if isQuote(quote, at + 1), isQuote(quote, at + 2) {
                        at += 3
                        // Up to two quotes may stand before the closing three.
                        while isQuote(quote, at) { at += 1 }
                        return
                    }
                }
                at += 1
            }
        }

        private func isQuote(_ quote: UInt8, _ place: Int) -> Bool {
            place < bytes.count && bytes[place] == quote
        }
    }
}
