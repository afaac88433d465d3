// Turns the text of a list, of one object or of a watch into WorkloadRecords as it comes. What is
// not a workload with a name and a uid is left out; the rest of the text was never kept. Used by
// KubernetesClient's callers; pure.

/// What a piece of text held.
package struct WorkloadReader {
    /// A line of a watch.
    package enum Change: Equatable, Sendable {
        case added(WorkloadRecord)
        case removed(WorkloadRecord)
        /// Nothing changed up to this version.
        case bookmark(String)
        /// The watch is over: an HTTP status, and why in the server's words.
        case failed(Int, String)
    }

    /// How the text is built.
    package enum Shape: Sendable { case list, object, watch }

    private var scanner: JSONScanner
    private var sink: Sink

    package init(_ shape: Shape) {
        let layout = Layout.of(shape)
        scanner = JSONScanner(layout.tree)
        sink = Sink(layout: layout, shape: shape)
    }

    /// Goes on with the next piece; false when it is no JSON.
    package mutating func feed(_ bytes: Span<UInt8>) -> Bool {
        scanner.feed(bytes, &sink) == .more
    }

    /// Whether no value is cut off.
    package var isWhole: Bool { scanner.isBetweenValues }

    /// The objects of a list or the one object since the last call.
    package mutating func takeRecords() -> [WorkloadRecord] {
        defer { sink.records.removeAll(keepingCapacity: true) }
        return sink.records
    }

    /// The lines of a watch since the last call.
    package mutating func takeChanges() -> [Change] {
        defer { sink.changes.removeAll(keepingCapacity: true) }
        return sink.changes
    }

    /// Of a list: where the next page begins; nil: there is none.
    package var continuation: String? { sink.continuation.isEmpty ? nil : sink.continuation }
    /// Of a list: the version it shows.
    package var listVersion: String { sink.listVersion }

    // MARK: Where things stand

    private struct Layout: Sendable {
        var tree = ScanTree()
        var listVersion = -1
        var continuation = -1
        var object = -1
        var type = -1
        var name = -1
        var namespace = -1
        var uid = -1
        var version = -1
        var replicas = -1
        var ready = -1
        var code = -1
        var message = -1
        var annotations: [(node: Int, name: String)] = []

        static let list = Layout(.list)
        static let object = Layout(.object)
        static let watch = Layout(.watch)

        static func of(_ shape: Shape) -> Layout {
            switch shape {
            case .list: list
            case .object: object
            case .watch: watch
            }
        }

        private init(_ shape: Shape) {
            switch shape {
            case .list:
                let metadata = tree.add("metadata")
                listVersion = tree.add("resourceVersion", to: metadata)
                continuation = tree.add("continue", to: metadata)
                object = tree.add("items")
            case .object: object = 0
            case .watch:
                type = tree.add("type")
                object = tree.add("object")
                code = tree.add("code", to: object)
                message = tree.add("message", to: object)
            }
            let metadata = tree.add("metadata", to: object)
            name = tree.add("name", to: metadata)
            namespace = tree.add("namespace", to: metadata)
            uid = tree.add("uid", to: metadata)
            version = tree.add("resourceVersion", to: metadata)
            let notes = tree.add("annotations", to: metadata)
            annotations = WorkloadRecord.Annotation.all.map { (tree.add($0, to: notes), $0) }
            replicas = tree.add("replicas", to: tree.add("spec", to: object))
            ready = tree.add("readyReplicas", to: tree.add("status", to: object))
        }
    }

    private struct Sink: ScanSink {
        let layout: Layout
        let shape: Shape
        var records: [WorkloadRecord] = []
        var changes: [Change] = []
        var continuation = ""
        var listVersion = ""
        private var record = WorkloadRecord()
        private var type = ""
        private var code = 0
        private var message = ""

        init(layout: Layout, shape: Shape) {
            self.layout = layout
            self.shape = shape
        }

        mutating func began(_ node: Int) {
            if node == layout.object { record = WorkloadRecord() }
            if node == 0, shape == .watch {
                (type, code, message) = ("", 0, "")
            }
        }

        mutating func ended(_ node: Int) {
            if shape == .watch {
                if node == 0 { endLine() }
            } else if node == layout.object, !record.name.isEmpty, !record.uid.isEmpty {
                records.append(record)
            }
        }

        private mutating func endLine() {
            switch type {
            case "ADDED", "MODIFIED", "DELETED":
                guard !record.name.isEmpty, !record.uid.isEmpty else { return }
                changes.append(type == "DELETED" ? .removed(record) : .added(record))
            case "BOOKMARK": changes.append(.bookmark(record.resourceVersion))
            case "ERROR": changes.append(.failed(code, message))
            default: break
            }
        }

        mutating func found(_ node: Int, _ text: [UInt8], isString: Bool) {
            if isString {
                string(node, text)
            } else if node == layout.replicas {
                // null, or a number nobody could have written, is as if it were absent.
                record.replicas = number(text) ?? 1
            } else if node == layout.ready {
                record.readyReplicas = number(text) ?? 0
            } else if node == layout.code {
                code = number(text) ?? 0
            }
        }

        private mutating func string(_ node: Int, _ bytes: [UInt8]) {
            var text: String { String(decoding: bytes, as: UTF8.self) }
            switch node {
            case layout.name: record.name = text
            case layout.namespace: record.namespace = text
            case layout.uid: record.uid = text
            case layout.version: record.resourceVersion = text
            case layout.type: type = text
            case layout.message: message = text
            case layout.continuation: continuation = text
            case layout.listVersion: listVersion = text
            default:
                for (known, name) in layout.annotations where known == node {
                    record.annotations[name] = text
                }
            }
        }

        private func number(_ text: [UInt8]) -> Int? {
            guard let value = Int(String(decoding: text, as: UTF8.self)),
                (0...WorkloadRecord.replicasMost).contains(value)
            else { return nil }
            return value
        }
    }
}
