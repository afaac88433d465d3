// Wall time as people and the API read it: RFC 3339, whole seconds, numeric local offset. Used by
// events, answers and the log. The offset comes from the C library and is kept for a quarter of an
// hour of wall time, since zones change on such borders only; the calendar is computed here.

import Glibc
import NetCore

/// RFC 3339 text.
package enum Timestamp {
    private struct CachedOffset {
        var quarter = Int64.min
        var seconds = 0
    }

    private static let cache = Lock(CachedOffset())
    /// 0000-01-01 and 9999-12-31 with a day to spare: four digits are all the format has.
    private static let range: ClosedRange<Int64> = -62_167_132_800...253_402_214_400

    /// `2026-11-23T06:00:00+01:00` for milliseconds since 1970; years outside 0 to 9999 are held at
    /// the ends.
    package static func text(milliseconds: Int64) -> String {
        let instant = clamp(floorDivide(milliseconds, 1_000))
        return text(seconds: instant, offset: localOffset(at: instant))
    }

    /// The same with three digits of fraction, for lines of output.
    package static func fineText(milliseconds: Int64) -> String {
        let text = text(milliseconds: milliseconds)
        let rest = Int((milliseconds % 1_000 + 1_000) % 1_000)
        let digits = [rest / 100, rest / 10 % 10, rest % 10].map { "\($0)" }.joined()
        return "\(text.prefix(19)).\(digits)\(text.dropFirst(19))"
    }

    /// `2026-11-23T05:00:00Z`: in UTC, as Kubernetes and its clients write it.
    package static func utcText(milliseconds: Int64) -> String {
        let text = text(seconds: clamp(floorDivide(milliseconds, 1_000)), offset: 0)
        return "\(text.prefix(19))Z"
    }

    /// `2026-11-23T05:00:00.250000Z`: a MicroTime, which is refused with any other digits.
    package static func microText(milliseconds: Int64) -> String {
        let rest = Int((milliseconds % 1_000 + 1_000) % 1_000)
        let digits = [rest / 100, rest / 10 % 10, rest % 10].map { "\($0)" }.joined()
        return "\(utcText(milliseconds: milliseconds).dropLast()).\(digits)000Z"
    }

    /// Milliseconds since 1970 of an RFC 3339 text with seconds and an offset; nil for anything
    /// else. A fraction is cut to milliseconds.
    package static func milliseconds(_ text: String) -> Int64? {
        var reader = TimestampReader(bytes: Array(text.utf8))
        return reader.read()
    }

    /// Days from 1970 to a date of the Gregorian calendar.
    fileprivate static func days(year: Int, month: Int, day: Int) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = floorDivide(Int64(year), 400)
        let yearOfEra = year - Int(era) * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + Int64(dayOfEra) - 719_468
    }

    /// `seconds` since 1970 in the zone `offset` seconds east of Greenwich.
    static func text(seconds: Int64, offset: Int) -> String {
        // Whole minutes, for the text as for the shift: what is printed is the same instant.
        let minutes = offset / 60
        let local = clamp(seconds) + Int64(minutes * 60)
        let days = floorDivide(local, 86_400)
        let second = Int(local - days * 86_400)
        let (year, month, day) = civilDate(daysSince1970: days)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(25)
        append(year / 100, to: &bytes)
        append(year % 100, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(month, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(day, to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        append(second / 3_600, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(second / 60 % 60, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(second % 60, to: &bytes)
        bytes.append(UInt8(ascii: minutes < 0 ? "-" : "+"))
        append(abs(minutes) / 60, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(abs(minutes) % 60, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func append(_ number: Int, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10 % 10))
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }

    private static func clamp(_ seconds: Int64) -> Int64 {
        min(max(seconds, range.lowerBound), range.upperBound)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    /// Gregorian date, counted in eras of 400 years that begin on 1 March.
    private static func civilDate(daysSince1970: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = daysSince1970 + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = Int(shifted - era * 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + Int(era) * 400 + (month <= 2 ? 1 : 0)
        return (year, month, day)
    }

    private static func localOffset(at seconds: Int64) -> Int {
        let quarter = floorDivide(seconds, 900)
        return cache.withLock { cached in
            if cached.quarter == quarter { return cached.seconds }
            var time = time_t(quarter * 900)
            // Holds a pointer to the zone's name, which is not touched.
            var parts = unsafe tm()
            // Looks whether the zone of the machine was changed meanwhile.
            tzset()
            // Both pointers are to locals; a failure leaves the offset 0, which is UTC.
            _ = unsafe localtime_r(&time, &parts)
            cached = CachedOffset(quarter: quarter, seconds: unsafe parts.tm_gmtoff)
            return cached.seconds
        }
    }
}

/// Reads `2026-11-23T06:00:00.250+01:00`.
private struct TimestampReader {
    let bytes: [UInt8]
    var at = 0

    mutating func read() -> Int64? {
        guard bytes.count >= 20, bytes.count <= 40,
            let year = number(4), take("-"), let month = number(2), take("-"),
            let day = number(2), take("Tt "), let hour = number(2), take(":"),
            let minute = number(2), take(":"), let second = number(2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        guard let fraction = fraction(), let offset = offset(), at == bytes.count else {
            return nil
        }
        let seconds =
            Timestamp.days(year: year, month: month, day: day) * 86_400
            + Int64(hour * 3_600 + minute * 60 + second - offset)
        return seconds * 1_000 + Int64(fraction)
    }

    private mutating func number(_ digits: Int) -> Int? {
        guard at + digits <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[at..<at + digits] {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        at += digits
        return value
    }

    private mutating func take(_ choices: String) -> Bool {
        guard at < bytes.count, choices.utf8.contains(bytes[at]) else { return false }
        at += 1
        return true
    }

    /// Milliseconds of an optional fraction.
    private mutating func fraction() -> Int? {
        guard take(".") else { return 0 }
        var value = 0
        var digits = 0
        while let digit = number(1) {
            if digits < 3 { value = value * 10 + digit }
            digits += 1
        }
        while digits > 0, digits < 3 {
            value *= 10
            digits += 1
        }
        return digits > 0 ? value : nil
    }

    /// Seconds east of Greenwich.
    private mutating func offset() -> Int? {
        if take("Zz") { return 0 }
        let isWest = at < bytes.count && bytes[at] == UInt8(ascii: "-")
        guard take("+-"), let hours = number(2), take(":"), let minutes = number(2), hours < 24,
            minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * (isWest ? -60 : 60)
    }
}
