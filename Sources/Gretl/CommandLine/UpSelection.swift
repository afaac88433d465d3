// Which services of a gr.toml a command is about: all, or those named, by name or @group, with what
// they depend on. Pure.

/// The part of a project that a command works on.
struct UpSelection {
    /// Dependencies before what needs them.
    private(set) var services: [Project.Service] = []

    /// `words` are names as the file or the daemon has them, or groups; none at all mean all.
    init(
        _ words: [String], of project: Project, withDependencies: Bool
    ) throws(CommandFailure) {
        var named: Set<String> = []
        for word in words { named.formUnion(try Self.names(word, project)) }
        let byName = Dictionary(
            project.services.map { ($0.spec.name, $0) }, uniquingKeysWith: { first, _ in first })
        let roots = words.isEmpty ? project.services.map(\.spec.name) : named.sorted()
        // The file has been checked: there is no circle, and not too many.
        let order = try? DependencyOrder(from: roots) { byName[$0]?.spec.dependsOn }
        let all = order?.nodes.compactMap { byName[$0.name] } ?? project.services
        services =
            withDependencies || words.isEmpty ? all : all.filter { named.contains($0.spec.name) }
    }

    private static func names(
        _ word: String, _ project: Project
    ) throws(CommandFailure) -> [String] {
        if word.utf8.first == UInt8(ascii: "@") {
            let groups = [word, ProjectReader.prefixed(group: word, project.prefix)]
            let members = project.services.filter { $0.spec.group.map(groups.contains) ?? false }
            guard members.isEmpty else { return members.map(\.spec.name) }
            throw unknown("group", word, Set(project.services.compactMap(\.spec.group)).sorted())
        }
        if let found = project.services.first(where: { $0.name == word || $0.spec.name == word }) {
            return [found.spec.name]
        }
        throw unknown("service", word, project.services.map(\.name))
    }

    private static func unknown(
        _ what: String, _ word: String, _ known: [String]
    ) -> CommandFailure {
        CommandFailure(
            exit: .unknownService, code: "unknown_\(what)",
            message: "gr.toml has no \(what) '\(word)'",
            hint: Suggestion.hint(for: word, among: known)
                ?? "it has: \(known.prefix(20).joined(separator: ", "))")
    }
}
