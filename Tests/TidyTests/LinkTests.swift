// Links between the pages lead somewhere.

import Testing

struct LinkTests {
    /// The relative targets of Markdown links, without the part behind `#`.
    static func links(_ text: String) -> [String] {
        text.split(separator: "](", omittingEmptySubsequences: false).dropFirst().compactMap {
            rest in
            let target = rest.prefix { $0 != ")" && $0 != "#" }
            return target.isEmpty || target.contains(":") ? nil : String(target)
        }
    }

    /// Pages that a measurement writes: they may not be there yet.
    private static let generated: Set<String> = ["docs/performance.md"]

    @Test func everyLinkLeadsSomewhere() throws {
        let pages = try Project.everything().filter { $0.kind == "md" }
        try #require(pages.count > 10)
        for page in pages {
            for link in LinkTests.links(page.text) {
                var parts = page.folder.split(separator: "/").map(String.init)
                for part in link.split(separator: "/") {
                    if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
                }
                let path = parts.joined(separator: "/")
                let isThere = LinkTests.generated.contains(path) || Project.exists(path)
                #expect(isThere, "\(page.path) links to \(path), which is not there")
            }
        }
    }

    @Test func linksAreFound() {
        #expect(LinkTests.links("see [a](b/c.md#d) and [e](https://f), [g](#h)") == ["b/c.md"])
    }
}
