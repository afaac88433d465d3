// The Date header's format, by arithmetic alone: no locale, no time zone, no C library.
//
// The server renders it once a second and copies the bytes into each response.

/// IMF-fixdate (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
package enum HTTPDate {
    /// The bytes of one date.
    package static var count: Int { 29 }

    /// Appends the date of `seconds` since 1970-01-01 00:00:00 UTC. Times outside the years 1970
    /// to 9999 are cut to the nearest. False, and nothing appended, when `output` has no room.
    @discardableResult
    package static func write(
        secondsSince1970 seconds: Int, into output: inout OutputSpan<UInt8>
    ) -> Bool {
        guard output.freeCapacity >= count else { return false }
        let time = max(0, min(seconds, 253_402_300_799))
        let days = time / 86_400
        let rest = time % 86_400
        let date = civil(days)
        // 1970-01-01 was a Thursday.
        append("ThuFriSatSunMonTueWed", at: days % 7, into: &output)
        output.append(0x2C)
        output.append(ASCII.space)
        append(date.day, into: &output)
        output.append(ASCII.space)
        append("JanFebMarAprMayJunJulAugSepOctNovDec", at: date.month - 1, into: &output)
        output.append(ASCII.space)
        append(date.year / 100, into: &output)
        append(date.year % 100, into: &output)
        output.append(ASCII.space)
        append(rest / 3600, into: &output)
        output.append(0x3A)
        append(rest / 60 % 60, into: &output)
        output.append(0x3A)
        append(rest % 60, into: &output)
        for i in 0..<4 { output.append(StaticString(" GMT").byte(at: i)) }
        return true
    }

    /// The Gregorian date of a day number from 1970-01-01, in years that start in March so that
    /// the leap day is the last one.
    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func append(
        _ names: StaticString, at index: Int, into output: inout OutputSpan<UInt8>
    ) {
        for i in 0..<3 { output.append(names.byte(at: index * 3 + i)) }
    }

    private static func append(_ pair: Int, into output: inout OutputSpan<UInt8>) {
        output.append(UInt8(truncatingIfNeeded: 0x30 + pair / 10 % 10))
        output.append(UInt8(truncatingIfNeeded: 0x30 + pair % 10))
    }
}
