// From method and path to a route: a tree over path segments, built once. Matches on the raw bytes
// of the target, so that an encoded slash in a name can never change the route; names are decoded
// by the handler, segment by segment.

import Glibc
package import HTTPParser

/// What a path can hold in places of `{name}`.
package typealias RouteParameters = InlineArray<3, ByteRange>

/// The routes of a server.
package final class Router {
    /// How a look-up ended.
    package enum Outcome: Equatable {
        /// The number given to `add`.
        case found(Int)
        /// The path exists for these methods only.
        case methodNotAllowed(Set<HTTPMethod>)
        case notFound
    }

    private struct Node {
        /// Its literal children: a run of `edges`.
        var firstEdge = 0
        var edgeCount = 0
        var parameter = -1
        /// Route number by method, -1 where there is none.
        var routes = InlineArray<10, Int16>(repeating: -1)
    }

    /// A literal segment and where it leads. The bytes stand in `names`.
    private struct Edge {
        var start: Int
        var count: Int
        var node: Int
    }

    // Flat memory of plain values: a look-up follows indices and counts no references.
    private let nodes: FlatArray<Node>
    private let edges: FlatArray<Edge>
    private let names: FlatArray<UInt8>

    /// Builds the tree of `routes`; a pattern is like `/v1/services/{name}/start`, and what is
    /// found is the number given here.
    package init(_ routes: [(method: HTTPMethod, pattern: String, route: Int)]) {
        var builder = Builder()
        for one in routes { builder.add(one.method, one.pattern, route: one.route) }
        let (nodes, edges, names) = builder.finish()
        self.nodes = FlatArray(nodes)
        self.edges = FlatArray(edges)
        self.names = FlatArray(names)
    }

    /// Gathers routes before the tree is laid flat.
    private struct Builder {
        private var nodes = [Node()]
        private var edges: [(from: Int, name: [UInt8], node: Int)] = []

        mutating func add(_ method: HTTPMethod, _ pattern: String, route: Int) {
            var node = 0
            for segment in pattern.utf8.split(separator: UInt8(ascii: "/")) {
                node = child(of: node, Array(segment))
            }
            let place = Int(method.rawValue)
            precondition(nodes[node].routes[place] < 0, "route added twice: \(pattern)")
            nodes[node].routes[place] = Int16(route)
        }

        private mutating func child(of node: Int, _ segment: [UInt8]) -> Int {
            if segment.first == UInt8(ascii: "{") {
                if nodes[node].parameter < 0 {
                    nodes.append(Node())
                    nodes[node].parameter = nodes.count - 1
                }
                return nodes[node].parameter
            }
            if let known = edges.first(where: { $0.from == node && $0.name == segment }) {
                return known.node
            }
            nodes.append(Node())
            edges.append((node, segment, nodes.count - 1))
            return nodes.count - 1
        }

        func finish() -> ([Node], [Edge], [UInt8]) {
            var nodes = nodes
            var flat: [Edge] = []
            var names: [UInt8] = []
            for node in nodes.indices {
                let children = edges.filter { $0.from == node }
                nodes[node].firstEdge = flat.count
                nodes[node].edgeCount = children.count
                for child in children {
                    flat.append(
                        Edge(start: names.count, count: child.name.count, node: child.node))
                    names += child.name
                }
            }
            return (nodes, flat, names)
        }
    }

    /// Looks up `path` (offsets into `bytes`). HEAD finds the route of GET.
    package func match(
        _ method: HTTPMethod, _ bytes: Span<UInt8>, path: ByteRange,
        parameters: inout RouteParameters
    ) -> Outcome {
        let end = min(path.end, bytes.count)
        guard path.lower < end, bytes[path.lower] == UInt8(ascii: "/") else { return .notFound }
        let node =
            end - path.lower == 1
            ? 0
            : unsafe bytes.withUnsafeBufferPointer { unsafe walk($0, path.lower, end, &parameters) }
        guard node >= 0 else { return .notFound }
        var wanted = method
        if case .head = method { wanted = .get }
        let route = nodes[node].routes[Int(wanted.rawValue)]
        return route >= 0 ? .found(Int(route)) : refusal(node)
    }

    /// The node of the path from `start` (a slash) to `end`, -1 when there is none.
    ///
    /// Raw addresses: the indices of nodes, edges and names were checked when the tree was laid
    /// flat, those into the path are bounded by `end`, which the caller has checked.
    private func walk(
        _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int,
        _ parameters: inout RouteParameters
    ) -> Int {
        guard let path = bytes.baseAddress else { return -1 }
        var node = 0
        var found = 0
        var at = start
        while at < end {
            let first = at + 1
            let rest = end - first
            let slash = unsafe memchr(path + first, Int32(UInt8(ascii: "/")), rest)
            at = unsafe slash.map { unsafe UnsafeRawPointer($0) - UnsafeRawPointer(path) } ?? end
            let next = unsafe edge(of: node, path + first, at - first)
            if next >= 0 {
                node = next
                continue
            }
            node = unsafe (nodes.base + node).pointee.parameter
            guard node >= 0, at > first, found < parameters.count else { return -1 }
            parameters[found] = ByteRange(from: first, to: at)
            found += 1
        }
        return node
    }

    @inline(__always)
    private func edge(of node: Int, _ segment: UnsafePointer<UInt8>, _ count: Int) -> Int {
        let first = unsafe (nodes.base + node).pointee.firstEdge
        let last = unsafe first + (nodes.base + node).pointee.edgeCount
        var index = first
        while index < last {
            let edge = unsafe (edges.base + index).pointee
            if edge.count == count, unsafe memcmp(names.base + edge.start, segment, count) == 0 {
                return edge.node
            }
            index += 1
        }
        return -1
    }

    private func refusal(_ node: Int) -> Outcome {
        var allowed: Set<HTTPMethod> = []
        for method in HTTPMethod.allCases where nodes[node].routes[Int(method.rawValue)] >= 0 {
            allowed.insert(method)
        }
        return allowed.isEmpty ? .notFound : .methodNotAllowed(allowed)
    }
}
