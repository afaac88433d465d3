// The fields of a message from a monitor, read one after the other where they stand: a death is
// told only after its message was read, and after a pause every line of code that takes costs more
// than what it does. Used by MonitorMessage. Nothing a monitor says may trap here.

/// A reader of the fields behind the type byte of a message.
struct MonitorFields {
    private let bytes: [UInt8]
    private var at = 1

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next field. Each is ended by NUL: what follows the last one is no field.
    private mutating func next() -> Range<Int>? {
        let start = at
        for index in start..<max(start, bytes.count) where bytes[index] == 0 {
            at = index + 1
            return start..<index
        }
        return nil
    }

    mutating func text() -> String? {
        next().map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    /// A whole number that fits; nil also for a field that is none, which is passed over.
    mutating func number<Value: FixedWidthInteger>(_: Value.Type) -> Value? {
        guard let field = next() else { return nil }
        return number(in: field).flatMap(Value.init(exactly:))
    }

    private func number(in field: Range<Int>) -> Int64? {
        var digits = field
        let isNegative = digits.first.map { bytes[$0] == 0x2D } ?? false
        if isNegative { digits = digits.dropFirst() }
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for index in digits {
            let digit = Int64(bytes[index]) - 0x30
            guard 0...9 ~= digit else { return nil }
            let (tens, isTooLong) = value.multipliedReportingOverflow(by: 10)
            let (sum, isTooBig) = tens.addingReportingOverflow(isNegative ? -digit : digit)
            guard !isTooLong, !isTooBig else { return nil }
            value = sum
        }
        return value
    }

    mutating func flag() -> Bool { flagIfPresent() ?? false }

    mutating func flagIfPresent() -> Bool? {
        next().map { $0.count == 1 && bytes[$0.lowerBound] == 0x31 }
    }

    /// How a program ended: code, signal, requested, forced, ended at.
    struct End {
        /// The code was not empty.
        let hasCode: Bool
        let requested: Bool
        let forced: Bool
        let endedAt: Int64
        /// Nil when neither code nor signal are known.
        let exit: ProgramExit?

        init?(_ fields: inout MonitorFields) {
            guard let codeField = fields.next() else { return nil }
            hasCode = !codeField.isEmpty
            let code = fields.number(in: codeField).flatMap(Int32.init(exactly:))
            let signal = fields.number(Int32.self).flatMap { $0 == 0 ? nil : $0 }
            requested = fields.flag()
            forced = fields.flag()
            guard let endedAt = fields.number(Int64.self) else { return nil }
            self.endedAt = endedAt
            exit =
                code == nil && signal == nil
                ? nil
                : ProgramExit(
                    code: code, signal: signal, requested: requested, forced: forced,
                    endedAt: endedAt)
        }
    }
}
