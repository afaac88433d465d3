// The errors of groups and dependencies, in words. Used by Groups and by the registry.

extension APIError {
    static func unknownGroup(_ name: String) -> APIError {
        APIError(
            .unknownGroup, "no service belongs to the group '\(name)'",
            hint: "run 'gr group ls', or GET /v1/groups, for the groups")
    }

    /// `path` is as in a, b, a.
    static func cycle(_ path: [String]) -> APIError {
        let shown = path.prefix(32) + (path.count > 32 ? ["...", path[0]] : [])
        return .invalid(
            "services depend on each other in a circle: \(shown.joined(separator: " -> "))",
            hint: "take one of them out of another's 'dependsOn'")
    }

    static func unknownDependency(_ missing: String, of name: String) -> APIError {
        .invalid(
            "'\(name)' depends on '\(missing)', which is not registered",
            hint: "register '\(missing)', or take it out of 'dependsOn'")
    }

    static func tooManyDependencies(_ what: String) -> APIError {
        .invalid(
            "\(what) has more than \(DependencyOrder.servicesMost) services or "
                + "\(DependencyOrder.edgesMost) dependencies, with all it depends on",
            hint: "start parts of it by themselves")
    }

    static func groupFailed(
        _ what: String, first: GroupResult, failures: Int, results: [GroupResult]
    ) -> APIError {
        let others = failures > 1 ? " (and \(failures - 1) more)" : ""
        var error = APIError(
            .groupFailed,
            "not all of \(what) is up: '\(first.name)' \(first.outcome.rawValue)\(others)"
                + (first.message.map { ": \($0)" } ?? ""),
            hint: "what came up was left running; 'details.results' tells of each service")
        error.results = results
        return error
    }
}
