// The API is written down three times: in the route table, in docs/api.md and in openapi.yaml. They
// say the same.

import Testing

struct RouteDocumentationTests {
    /// `GET /v1/services` for each `Route(method: .get, pattern: "/v1/services", ...)`.
    static func routes(inTable text: String) -> Set<String> {
        var found: Set<String> = []
        for line in text.split(separator: "\n") {
            guard let start = line.firstRange(of: "Route(method: ."),
                let middle = line.firstRange(of: ", pattern: \"")
            else { continue }
            let method = line[start.upperBound..<middle.lowerBound].uppercased()
            let pattern = line[middle.upperBound...].prefix { $0 != "\"" }
            found.insert("\(method) \(pattern)")
        }
        return found
    }

    /// Paths and methods of an OpenAPI document, by its indentation.
    static func routes(inOpenAPI text: String) -> Set<String> {
        let methods: Set<Substring> = ["get", "post", "put", "patch", "delete"]
        var found: Set<String> = []
        var isInPaths = false
        var path = Substring()
        for line in text.split(separator: "\n") where line.hasSuffix(":") {
            let key = line.dropLast().drop { $0 == " " }
            switch line.count - 1 - key.count {
            case 0: isInPaths = key == "paths"
            case 2: path = key
            case 4 where isInPaths && methods.contains(key):
                found.insert("\(key.uppercased()) \(path)")
            default: break
            }
        }
        return found
    }

    /// The cells of the rows of a Markdown table whose first cell is code.
    static func rows(_ text: String) -> [[String]] {
        text.split(separator: "\n").filter { $0.hasPrefix("| ") }.map { line in
            line.split(separator: "|").map { cell in
                String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
        }
    }

    static func code(_ cell: String) -> String? {
        guard cell.count > 2, cell.hasPrefix("`"), cell.hasSuffix("`") else { return nil }
        return String(cell.dropFirst().dropLast())
    }

    @Test func docsAndRouteTableNameTheSameRoutes() throws {
        let table = try Project.file("Sources/Gretl/Daemon/RouteTable.swift").text
        let routes = RouteDocumentationTests.routes(inTable: table)
        try #require(routes.count >= 9)

        let openapi = RouteDocumentationTests.routes(
            inOpenAPI: try Project.file("openapi.yaml").text)
        #expect(routes.subtracting(openapi).isEmpty, "missing in openapi.yaml")
        #expect(openapi.subtracting(routes).isEmpty, "openapi.yaml has routes that are not there")

        let page = try Project.file("docs/api.md").text
        let rows = RouteDocumentationTests.rows(page).compactMap { row -> String? in
            guard let code = RouteDocumentationTests.code(row[0]), code.contains(" /") else {
                return nil
            }
            return code
        }
        #expect(rows.count == Set(rows).count, "docs/api.md lists a route twice")
        #expect(routes.subtracting(rows).isEmpty, "missing in the table of docs/api.md")
        #expect(Set(rows).subtracting(routes).isEmpty, "docs/api.md has routes that are not there")
        for route in routes {
            #expect(page.contains("### \(route)\n"), "docs/api.md describes every route")
        }
    }

    @Test func theFilesOfTheRoutesAreThere() throws {
        for row in RouteDocumentationTests.rows(try Project.file("docs/api.md").text) {
            guard let code = RouteDocumentationTests.code(row[0]), code.contains(" /") else {
                continue
            }
            _ = try Project.file("Sources/Gretl/\(row[1])")
        }
    }

    @Test func aRouteThatIsMissingSomewhereIsSeen() {
        let table = """
                Route(method: .get, pattern: "/health", handler: daemon.health),
                Route(method: .delete, pattern: "/v1/a/{name}", handler: a.remove),
            """
        let openapi = "paths:\n  /health:\n    get:\n      x:\ncomponents:\n  /no:\n    get:\n"
        #expect(
            RouteDocumentationTests.routes(inTable: table) == [
                "GET /health", "DELETE /v1/a/{name}",
            ])
        #expect(RouteDocumentationTests.routes(inOpenAPI: openapi) == ["GET /health"])
    }
}
