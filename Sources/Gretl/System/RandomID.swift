// Identifiers nobody can guess: of requests, runs, temporary files. From the kernel's generator.

/// Makes identifiers.
package enum RandomID {
    /// 16 lower-case hexadecimal digits.
    package static func make() -> String {
        // The system generator is getrandom(2) on Linux.
        hex(UInt64.random(in: .min ... .max))
    }

    /// `value` as 16 lower-case hexadecimal digits.
    static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
