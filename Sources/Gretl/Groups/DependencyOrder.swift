// In which order services come up: those that depend on nothing first, level by level (Kahn), names
// in alphabetical order within a level, so that the same registrations always give the same order.
// Pure. Used by starts and stops of groups, by starts of services, and by plans.

/// The services some roots need, in the order in which they can be started.
package struct DependencyOrder: Sendable {
    /// One service.
    package struct Node: Sendable, Equatable {
        package let name: String
        /// The known ones, as places in `nodes`, ascending.
        package internal(set) var dependencies: [Int] = []
        /// Names nobody has registered.
        package internal(set) var unknown: [String] = []
        /// 0 for those that depend on nothing.
        package internal(set) var level = 0
    }

    /// More than one operation takes on.
    package struct TooMany: Error {}

    /// The most services, and dependencies of theirs, that one operation looks at: about a
    /// millisecond of work.
    package static let servicesMost = 1_024
    package static let edgesMost = 8_192

    /// Everything the roots need, dependencies before dependents; what a cycle holds comes last.
    package private(set) var nodes: [Node] = []
    /// A cycle in full, as in a, b, a; nil when there is none.
    package private(set) var cycle: [String]?

    /// Follows `dependencies` from `roots`; it answers nil for a name nobody has registered. Roots
    /// that are unknown are left out.
    package init(
        from roots: [String], dependencies: (String) -> [String]?
    ) throws(TooMany) {
        try gather(roots, dependencies)
        sort()
    }

    /// The names, level by level.
    package var levels: [[String]] {
        var levels: [[String]] = []
        for node in nodes {
            if node.level >= levels.count { levels.append([]) }
            levels[node.level].append(node.name)
        }
        return levels
    }

    /// Those that need each node, as places in `nodes`.
    package var dependents: [[Int]] {
        var dependents = [[Int]](repeating: [], count: nodes.count)
        for (place, node) in nodes.enumerated() {
            for other in node.dependencies { dependents[other].append(place) }
        }
        return dependents
    }

    private mutating func gather(
        _ roots: [String], _ dependencies: (String) -> [String]?
    ) throws(TooMany) {
        var places: [String: Int] = [:]
        var lists: [[String]] = []
        /// The place of a name, nil when nobody has registered it.
        func visit(_ name: String) throws(TooMany) -> Int? {
            // Asked first: another spelling of a known name is another name.
            guard let list = dependencies(name) else { return nil }
            if let place = places[name] { return place }
            guard nodes.count < DependencyOrder.servicesMost else { throw TooMany() }
            places[name] = nodes.count
            nodes.append(Node(name: name))
            lists.append(list)
            return nodes.count - 1
        }
        for root in roots { _ = try visit(root) }
        var next = 0
        var edges = 0
        while next < nodes.count {
            edges += lists[next].count
            guard edges <= DependencyOrder.edgesMost else { throw TooMany() }
            for name in lists[next] {
                if let place = try visit(name) {
                    nodes[next].dependencies.append(place)
                } else {
                    nodes[next].unknown.append(name)
                }
            }
            next += 1
        }
    }

    /// Lays the nodes out level by level and names a cycle.
    private mutating func sort() {
        let dependents = dependents
        var missing = nodes.map(\.dependencies.count)
        var order: [Int] = []
        var level = nodes.indices.filter { missing[$0] == 0 }
        var depth = 0
        // Ends: every node is taken once.
        while !level.isEmpty {
            level.sort { nodes[$0].name < nodes[$1].name }
            order += level
            var next: [Int] = []
            for place in level {
                nodes[place].level = depth
                for other in dependents[place] {
                    missing[other] -= 1
                    if missing[other] == 0 { next.append(other) }
                }
            }
            level = next
            depth += 1
        }
        let rest = nodes.indices.filter { missing[$0] > 0 }.sorted {
            nodes[$0].name < nodes[$1].name
        }
        if let first = rest.first { cycle = findCycle(from: first, missing) }
        for place in rest { nodes[place].level = depth }
        layOut(order + rest)
    }

    /// Every node that is left has a dependency that is left: following them runs into a cycle.
    private func findCycle(from first: Int, _ missing: [Int]) -> [String] {
        var path: [Int] = []
        var seen: [Int: Int] = [:]
        var place = first
        while seen[place] == nil {
            seen[place] = path.count
            path.append(place)
            let left = nodes[place].dependencies.filter { missing[$0] > 0 }
            guard let next = left.min(by: { nodes[$0].name < nodes[$1].name }) else { break }
            place = next
        }
        var names = path[(seen[place] ?? 0)...].map { nodes[$0].name }
        // From its first name on, whoever asked.
        let start = names.indices.min { names[$0] < names[$1] } ?? 0
        names = Array(names[start...] + names[..<start])
        return names + [names[0]]
    }

    private mutating func layOut(_ order: [Int]) {
        var places = [Int](repeating: 0, count: nodes.count)
        for (new, old) in order.enumerated() { places[old] = new }
        nodes = order.map { old in
            var node = nodes[old]
            node.dependencies = node.dependencies.map { places[$0] }.sorted()
            return node
        }
    }
}

extension DependencyOrder {
    /// The shortest way from `name` back to itself, as in a, b, a; nil when there is none.
    package static func cycle(
        through name: String, dependencies: (String) -> [String]?
    ) throws(TooMany) -> [String]? {
        var cameFrom: [String: String] = [:]
        var queue = [name]
        var next = 0
        var edges = 0
        while next < queue.count {
            let place = queue[next]
            next += 1
            let list = dependencies(place) ?? []
            edges += list.count
            guard edges <= edgesMost, queue.count <= servicesMost else { throw TooMany() }
            for other in list {
                if other == name {
                    var path = [name, place]
                    while let before = cameFrom[path[path.count - 1]] { path.append(before) }
                    if place == name { path.removeLast() }
                    return path.reversed() + (place == name ? [name] : [])
                }
                if cameFrom[other] == nil {
                    cameFrom[other] = place
                    queue.append(other)
                }
            }
        }
        return nil
    }
}
