// The Date header against known moments and against a calendar counted day by day.
//
// The known values were taken from RFC 9110 and from `date -u`.

import Testing

@testable import HTTPParser

@Suite("HTTP date")
struct HTTPDateTests {
    private func format(_ seconds: Int) -> String {
        String(
            decoding: [UInt8](capacity: HTTPDate.count) { output in
                #expect(HTTPDate.write(secondsSince1970: seconds, into: &output))
            }, as: UTF8.self)
    }

    @Test(
        "known moments",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (1, "Thu, 01 Jan 1970 00:00:01 GMT"),
            (86_399, "Thu, 01 Jan 1970 23:59:59 GMT"), (86_400, "Fri, 02 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (68_169_600, "Tue, 29 Feb 1972 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (2_147_483_647, "Tue, 19 Jan 2038 03:14:07 GMT"),
            (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ])
    func known(_ seconds: Int, _ expected: String) {
        #expect(format(seconds) == expected)
    }

    @Test("times outside the years 1970 to 9999 are cut")
    func cut() {
        #expect(format(-1) == format(0))
        #expect(format(.min) == format(0))
        #expect(format(.max) == format(253_402_300_799))
    }

    @Test("every day of two centuries is the day after the one before")
    func everyDay() {
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        var (year, month, day, number) = (1970, 0, 1, 0)
        while year < 2170 {
            let padded = day < 10 ? "0\(day)" : "\(day)"
            let expected =
                "\(weekdays[number % 7]), \(padded) \(months[month]) \(year) 12:34:56 GMT"
            if format(number * 86_400 + 45_296) != expected {
                Issue.record("\(expected)")
                return
            }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]
            number += 1
            day += 1
            if day > days {
                day = 1
                month += 1
            }
            if month == 12 {
                month = 0
                year += 1
            }
        }
    }

    @Test("without room nothing is written")
    func room() {
        let bytes = [UInt8](capacity: 28) { output in
            #expect(!HTTPDate.write(secondsSince1970: 0, into: &output))
        }
        #expect(bytes.isEmpty)
    }
}
