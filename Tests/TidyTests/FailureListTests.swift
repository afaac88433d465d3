// docs/failures.md names a test for each failure; the tests it names exist.

import Testing

struct FailureListTests {
    /// Suite and name of every test of a file: `@Test func name` or @Test func `words`.
    static func tests(in file: ProjectFile) -> Set<String> {
        var found: Set<String> = []
        var suite = Substring()
        var isTest = false
        for line in file.lines {
            let words = line.split(separator: " ")
            if let place = words.firstIndex(where: { $0 == "struct" || $0 == "class" }),
                place + 1 < words.count
            {
                let name = words[place + 1].prefix { $0 != ":" && $0 != "{" }
                if name.hasSuffix("Tests") { suite = name }
            }
            if line.contains("@Test") { isTest = true }
            guard isTest, let start = line.firstRange(of: "func ") else { continue }
            isTest = false
            let rest = line[start.upperBound...]
            let name =
                rest.hasPrefix("`")
                ? rest.dropFirst().prefix { $0 != "`" } : rest.prefix { $0 != "(" }
            found.insert("\(suite).\(name)")
        }
        return found
    }

    /// What stands between backticks in the last column.
    static func named(_ row: [String]) -> [String] {
        guard let cell = row.last, row.count == 3 else { return [] }
        return cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    @Test func everyTestThatIsNamedExists() throws {
        let page = try Project.file("docs/failures.md").text
        let rows = RouteDocumentationTests.rows(page).filter { $0.last != "tests" }
        try #require(rows.count > 30)
        var tests: Set<String> = []
        for file in try Project.files(below: ["Tests"]) where file.kind == "swift" {
            tests.formUnion(FailureListTests.tests(in: file))
        }
        for row in rows {
            let named = FailureListTests.named(row)
            #expect(!named.isEmpty || row.last == "none", "\(row)")
            for name in named {
                let isThere = tests.contains(name)
                #expect(isThere, "\(name) is no test")
            }
        }
    }

    @Test func testsAreFoundByBothKindsOfNames() {
        let text = """
            @Suite struct ATests {
                @Test func one() {}
                @Test(arguments: [1])
                func `Two, or more`(count: Int) {}
                func helper() {}
            }
            extension All {
                @Suite final class BTests {
                    @Test("words") func three() {}
                }
            }
            """
        let found = FailureListTests.tests(in: ProjectFile(path: "a.swift", text: text))
        #expect(found == ["ATests.one", "ATests.Two, or more", "BTests.three"])
        #expect(FailureListTests.named(["a", "b", "`A.x`, `B.y, z`"]) == ["A.x", "B.y, z"])
    }
}
