// docs/operations.md names every bound with its value, and every key of config.toml.

import Testing

struct LimitDocumentationTests {
    /// Name and value of each `package static let name = 32 * 1_024`.
    static func limits(_ text: String) -> [String: Int] {
        var found: [String: Int] = [:]
        for line in SwiftText.code(text) {
            let words = line.split(separator: " ")
            guard words.count > 5, words[0...2] == ["package", "static", "let"], words[4] == "="
            else { continue }
            var value = 1
            for factor in words[5...] where factor != "*" {
                value *= Int(factor.filter { $0 != "_" }) ?? 0
            }
            found[String(words[3])] = value
        }
        return found
    }

    @Test func everyLimitStandsInOperations() throws {
        var limits: [String: Int] = [:]
        let paths = [
            "Sources/NetCore/Limits.swift", "Sources/Gretl/Output/LogLimits.swift",
            "Sources/Gretl/Events/EventLimits.swift", "Sources/Gretl/Tethers/TetherLimits.swift",
            "Sources/Gretl/Kubernetes/KubernetesLimits.swift",
        ]
        for path in paths {
            let found = LimitDocumentationTests.limits(try Project.file(path).text)
            try #require(found.count >= 10)
            limits.merge(found) { first, _ in
                Issue.record("\(path) repeats a name")
                return first
            }
        }
        let page = try Project.file("docs/operations.md").text
        let section = page.split(separator: "\n## Limits\n").last.map(String.init) ?? ""
        var documented: [String: Int] = [:]
        for row in RouteDocumentationTests.rows(section) where row.count > 2 {
            guard let name = RouteDocumentationTests.code(row[0]),
                let value = Int(row[1].filter { $0 != "," })
            else { continue }
            documented[name] = value
        }
        #expect(documented == limits)
    }

    @Test func everyKeyOfTheConfigurationStandsInOperations() throws {
        let source = try Project.file("Sources/Gretl/Configuration/ConfigurationReader.swift").text
        let list = source.split(separator: "static let keys = [").last?.prefix { $0 != "]" } ?? ""
        let keys = Set(
            list.split(separator: "\"").map(String.init).filter { $0.allSatisfy(isKeyCharacter) })
        try #require(keys.count >= 14)
        let page = try Project.file("docs/operations.md").text
        let section = page.split(separator: "\n## config.toml\n").last.map(String.init) ?? ""
        let rows = RouteDocumentationTests.rows(String(section.prefix { $0 != "#" }))
        #expect(Set(rows.compactMap { RouteDocumentationTests.code($0[0]) }) == keys)
    }

    private func isKeyCharacter(_ character: Character) -> Bool {
        character.isLowercase || character == "_" || character == "."
    }

    @Test func valuesAreComputed() {
        let text = "    package static let a = 32 * 1_024 // words\n    package static let b = 7\n"
        #expect(LimitDocumentationTests.limits(text) == ["a": 32_768, "b": 7])
    }
}
