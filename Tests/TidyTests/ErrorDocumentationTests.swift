// Error codes are a contract: code and status stand in APIError.swift, docs/api.md and
// openapi.yaml, and are the same.

import Testing

struct ErrorDocumentationTests {
    /// Code and status of each error, read from the two places of APIError.swift.
    static func codes(_ text: String) -> [String: String] {
        var names: [String: String] = [:]
        var statuses: [String: String] = [:]
        for line in text.split(separator: "\n").map({ $0.drop { $0 == " " } })
        where line.hasPrefix("case ") {
            let rest = line.dropFirst("case ".count)
            if rest.hasPrefix(".") {
                // `case .unknownService, .notFound: 404`
                guard let colon = rest.firstIndex(of: ":") else { continue }
                let status = String(rest[rest.index(after: colon)...].drop { $0 == " " })
                for name in rest[..<colon].split(separator: ",") {
                    statuses[String(name.drop { $0 == " " || $0 == "." })] = status
                }
            } else {
                // `case notFound = "not_found"`, `case unauthorized`
                let parts = rest.split(separator: "\"", omittingEmptySubsequences: false)
                let name = rest.prefix { $0 != " " }.filter { $0 != "`" }
                guard name.allSatisfy(\.isLetter) else { continue }
                names[name] = parts.count > 1 ? String(parts[1]) : name
            }
        }
        return [String: String](
            uniqueKeysWithValues: names.map { ($0.value, statuses[$0.key] ?? "none") })
    }

    @Test func docsAndCodeNameTheSameErrors() throws {
        let source = try Project.file("Sources/Gretl/Daemon/APIError.swift").text
        let codes = ErrorDocumentationTests.codes(source)
        try #require(codes.count > 20)
        try #require(codes["unauthorized"] == "401" && codes["internal"] == "500")

        let page = try Project.file("docs/api.md").text
        let section = page.split(separator: "\n## Errors\n").last.map(String.init) ?? ""
        var documented: [String: String] = [:]
        for row in RouteDocumentationTests.rows(section) where row.count > 2 {
            if let code = RouteDocumentationTests.code(row[1]) { documented[code] = row[0] }
        }
        #expect(documented == codes)

        var listed: Set<String> = []
        for line in try Project.file("openapi.yaml").text.split(separator: "\n") {
            guard line.hasPrefix("            - ") else { continue }
            listed.insert(String(line.drop { $0 == " " || $0 == "-" }))
        }
        #expect(listed == Set(codes.keys))
    }
}
