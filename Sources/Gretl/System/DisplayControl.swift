// Which characters do something to a terminal, a log or a page instead of standing there: the one
// answer for names that are taken, for what is shown and for what is written down. Used by the API,
// gr.toml, logs and the command line. Never decides what becomes of them: that differs.

extension Unicode.Scalar {
    /// C0, DEL and C1 controls, line and paragraph separators, and marks that turn the direction of
    /// text, so that it reads otherwise than it is, and spaces of no width; the joiners, which
    /// emoji and scripts need, are none.
    package var actsOnDisplay: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060,
            0x2066...0x2069, 0xFEFF:
            true
        default: false
        }
    }
}

extension String {
    /// Whether any of its characters does.
    package var actsOnDisplay: Bool { unicodeScalars.contains { $0.actsOnDisplay } }
}
