// From method and path to a route: a tree over path segments, built once. Matches on the raw bytes
// of the target, so that an encoded slash in a name can never change the route; names are decoded
// by the handler, segment by segment.

package import HTTPParser

/// What a path can hold in places of `{name}`.
package typealias RouteParameters = InlineArray<3, ByteRange>

/// The routes of a server.
package struct Router {
    /// How a look-up ended.
    package enum Outcome: Equatable {
        /// The number given to `add`.
        case found(Int)
        /// The path exists for these methods only.
        case methodNotAllowed(Set<HTTPMethod>)
        case notFound
    }

    private struct Node {
        var literals: [(bytes: [UInt8], node: Int)] = []
        var parameter = -1
        /// Route number by method, -1 where there is none.
        var routes = InlineArray<10, Int16>(repeating: -1)
    }

    private var nodes = [Node()]

    package init() {}

    /// Adds a route. `pattern` is like `/v1/services/{name}/start`.
    package mutating func add(_ method: HTTPMethod, _ pattern: String, route: Int) {
        var node = 0
        for segment in pattern.utf8.split(separator: UInt8(ascii: "/")) {
            node = child(of: node, Array(segment))
        }
        precondition(nodes[node].routes[Int(method.rawValue)] < 0, "route added twice: \(pattern)")
        nodes[node].routes[Int(method.rawValue)] = Int16(route)
    }

    private mutating func child(of node: Int, _ segment: [UInt8]) -> Int {
        let isParameter = segment.first == UInt8(ascii: "{")
        if isParameter, nodes[node].parameter >= 0 { return nodes[node].parameter }
        if !isParameter, let known = nodes[node].literals.first(where: { $0.bytes == segment }) {
            return known.node
        }
        nodes.append(Node())
        if isParameter {
            nodes[node].parameter = nodes.count - 1
        } else {
            nodes[node].literals.append((segment, nodes.count - 1))
        }
        return nodes.count - 1
    }

    /// Looks up `path` (offsets into `bytes`). HEAD finds the route of GET.
    package func match(
        _ method: HTTPMethod, _ bytes: Span<UInt8>, path: ByteRange,
        parameters: inout RouteParameters
    ) -> Outcome {
        var node = 0
        var found = 0
        var at = path.lower
        let end = min(path.end, bytes.count)
        guard at < end, bytes[at] == UInt8(ascii: "/") else { return .notFound }
        if end - at > 1 {
            while at < end {
                let start = at + 1
                at = start
                while at < end, bytes[at] != UInt8(ascii: "/") { at += 1 }
                let next = literal(of: node, bytes, start, at)
                if next >= 0 {
                    node = next
                } else if nodes[node].parameter >= 0, at > start, found < parameters.count {
                    parameters[found] = ByteRange(from: start, to: at)
                    found += 1
                    node = nodes[node].parameter
                } else {
                    return .notFound
                }
            }
        }
        let wanted = method == .head ? HTTPMethod.get : method
        let route = nodes[node].routes[Int(wanted.rawValue)]
        return route >= 0 ? .found(Int(route)) : refusal(node)
    }

    @inline(__always)
    private func literal(of node: Int, _ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        for (name, next) in nodes[node].literals where name.count == end - start {
            var same = true
            for index in 0..<name.count where name[index] != bytes[start + index] {
                same = false
                break
            }
            if same { return next }
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
