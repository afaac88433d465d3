// Times and sizes as people write and read them: `30s` on the command line, `3h12m` and `142 MB`
// in tables, RFC 3339 from the API. Pure functions without a clock.

enum Quantities {
    /// The longest time an option may ask for: what the API takes.
    static let durationMost = Duration.seconds(600)

    /// Reads `500ms`, `30s`, `2m`; a bare number is seconds. Nil when it is none of them or
    /// longer than ``durationMost``.
    static func duration(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, digits.count <= 9, let count = Int64(digits) else { return nil }
        let unit: Int64? =
            switch text[digits.endIndex...] {
            case "ms": 1
            case "s", "": 1_000
            case "m": 60_000
            default: nil
            }
        guard let unit else { return nil }
        let duration = Duration.milliseconds(count * unit)
        return duration <= durationMost ? duration : nil
    }

    /// The two largest units of an age: `8s`, `3m12s`, `2h05m`, `3d04h`.
    static func age(seconds: Int64) -> String {
        let seconds = max(0, seconds)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        switch seconds {
        case ..<60: return "\(seconds)s"
        case ..<3_600: return "\(seconds / 60)m\(two(seconds % 60))s"
        case ..<86_400: return "\(seconds / 3_600)h\(two(seconds / 60 % 60))m"
        default: return "\(seconds / 86_400)d\(two(seconds / 3_600 % 24))h"
        }
    }

    /// `cpu` is a fraction of one core.
    static func percent(_ cpu: Double) -> String {
        guard cpu.isFinite else { return "-" }
        let tenths = Int64((min(max(cpu, 0), 1e6) * 1_000).rounded())
        return tenths < 1_000 ? "\(tenths / 10).\(tenths % 10)%" : "\(tenths / 10)%"
    }

    static func megabytes(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let value = min(max(value, 0), 1e12)
        if value < 1_024 { return "\(Int64(value.rounded())) MB" }
        let tenths = Int64((value / 1_024 * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) GB"
    }

    /// Seconds since 1970 of `2026-04-30T09:42:11+02:00`; nil when the text is no such time.
    static func seconds(rfc3339 text: String) -> Int64? {
        let bytes = Array(text.utf8)
        func number(_ from: Int, _ count: Int) -> Int64? {
            guard from + count <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[from..<(from + count)] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard bytes.count >= 20, bytes.count <= 40, bytes[4] == 0x2D, bytes[7] == 0x2D,
            bytes[10] | 0x20 == 0x74, bytes[13] == 0x3A, bytes[16] == 0x3A,
            let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
            (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var at = 19
        if bytes[at] == 0x2E {
            at += 1
            while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 { at += 1 }
        }
        guard at < bytes.count else { return nil }
        var offset: Int64 = 0
        if bytes[at] | 0x20 != 0x7A {
            guard bytes[at] == 0x2B || bytes[at] == 0x2D, at + 6 == bytes.count,
                bytes[at + 3] == 0x3A, let hours = number(at + 1, 2),
                let minutes = number(at + 4, 2)
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[at] == 0x2D ? -60 : 60)
        }
        return days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
    }

    /// Days since 1970-01-01 in the Gregorian calendar: years begin in March here, so that the
    /// leap day is the last of its year.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month > 2 ? year : year - 1
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }
}
