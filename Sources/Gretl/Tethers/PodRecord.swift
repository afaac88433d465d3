// A pod as far as a tether needs it, out of lists and watches as they come: whether it can be
// chosen, and where it is. The text comes from an API server, which is not trusted. Used by
// PodSource; pure.

/// A pod.
package struct PodRecord: Equatable, Sendable {
    package var name = ""
    package var uid = ""
    package var version = ""
    /// Text of the first address, as the API server gives it.
    package var address = ""
    package var phase = ""
    package var isReady = false
    /// It is being deleted.
    package var isEnding = false
    /// Kind and name of what controls it; empty when nothing does.
    package var ownerKind = ""
    package var ownerName = ""
    /// The label that leads from a Deployment to its ReplicaSet.
    package var templateHash = ""

    package init() {}

    /// Whether a connection may go there.
    package var isCandidate: Bool { phase == "Running" && isReady && !isEnding }

    /// Whether it is still something or on its way to be: a sleeping workload has none of these.
    package var isLiving: Bool { !isEnding && phase != "Succeeded" && phase != "Failed" }

    /// Whether it belongs to a workload, whose selector may choose pods of others too.
    package func belongs(to kind: Workload.Kind, _ name: String) -> Bool {
        if ownerKind.isEmpty { return true }
        switch kind {
        case .statefulSet: return ownerKind == "StatefulSet" && ownerName == name
        case .deployment:
            guard ownerKind == "ReplicaSet" else { return false }
            return templateHash.isEmpty || ownerName == "\(name)-\(templateHash)"
        }
    }
}

/// Reads lists and watches of pods.
package struct PodReader {
    /// A line of a watch.
    package enum Change: Equatable, Sendable {
        case added(PodRecord)
        case removed(PodRecord)
        /// Nothing changed up to this version.
        case bookmark(String)
        /// The watch is over.
        case failed(Int)
    }

    private var scanner: JSONScanner
    private var sink: Sink

    /// A reader of a list, or of the lines of a watch.
    package init(isWatch: Bool) {
        let layout = isWatch ? Layout.watch : Layout.list
        scanner = JSONScanner(layout.tree)
        sink = Sink(layout: layout, isWatch: isWatch)
    }

    /// Goes on with the next piece; false when it is no JSON.
    package mutating func feed(_ bytes: Span<UInt8>) -> Bool {
        scanner.feed(bytes, &sink) == .more
    }

    /// Whether no value is cut off.
    package var isWhole: Bool { scanner.isBetweenValues }
    /// Of a list: the version it shows.
    package var listVersion: String { sink.listVersion }

    /// What came since the last call; of a list all are `added`.
    package mutating func takeChanges() -> [Change] {
        defer { sink.changes.removeAll(keepingCapacity: true) }
        return sink.changes
    }

    private struct Layout: Sendable {
        var tree = ScanTree()
        var listVersion = -1
        var type = -1
        var code = -1
        let object: Int
        let name: Int
        let uid: Int
        let version: Int
        let deletion: Int
        let hash: Int
        let owner: Int
        let ownerKind: Int
        let ownerName: Int
        let isController: Int
        let phase: Int
        let address: Int
        let condition: Int
        let conditionType: Int
        let conditionStatus: Int

        static let list = Layout(isWatch: false)
        static let watch = Layout(isWatch: true)

        private init(isWatch: Bool) {
            if isWatch {
                type = tree.add("type")
                object = tree.add("object")
                code = tree.add("code", to: object)
            } else {
                listVersion = tree.add("resourceVersion", to: tree.add("metadata"))
                object = tree.add("items")
            }
            let metadata = tree.add("metadata", to: object)
            name = tree.add("name", to: metadata)
            uid = tree.add("uid", to: metadata)
            version = tree.add("resourceVersion", to: metadata)
            deletion = tree.add("deletionTimestamp", to: metadata)
            hash = tree.add("pod-template-hash", to: tree.add("labels", to: metadata))
            owner = tree.add("ownerReferences", to: metadata)
            ownerKind = tree.add("kind", to: owner)
            ownerName = tree.add("name", to: owner)
            isController = tree.add("controller", to: owner)
            let status = tree.add("status", to: object)
            phase = tree.add("phase", to: status)
            address = tree.add("podIP", to: status)
            condition = tree.add("conditions", to: status)
            conditionType = tree.add("type", to: condition)
            conditionStatus = tree.add("status", to: condition)
        }
    }

    private struct Sink: ScanSink {
        let layout: Layout
        let isWatch: Bool
        var changes: [Change] = []
        var listVersion = ""
        private var pod = PodRecord()
        private var type = ""
        private var code = 0
        private var owner = (kind: "", name: "", isController: false)
        private var condition = (type: "", status: "")

        init(layout: Layout, isWatch: Bool) {
            self.layout = layout
            self.isWatch = isWatch
        }

        mutating func began(_ node: Int) {
            switch node {
            case layout.object: pod = PodRecord()
            case layout.owner: owner = ("", "", false)
            case layout.condition: condition = ("", "")
            case 0: (type, code) = ("", 0)
            default: break
            }
        }

        mutating func ended(_ node: Int) {
            switch node {
            case layout.owner where owner.isController:
                pod.ownerKind = owner.kind
                pod.ownerName = owner.name
            case layout.condition where condition.type == "Ready":
                pod.isReady = condition.status == "True"
            case layout.object where !isWatch && !pod.name.isEmpty: changes.append(.added(pod))
            case 0 where isWatch: endLine()
            default: break
            }
        }

        private mutating func endLine() {
            let isPod = !pod.name.isEmpty
            switch type {
            case "ADDED" where isPod, "MODIFIED" where isPod: changes.append(.added(pod))
            case "DELETED" where isPod: changes.append(.removed(pod))
            case "BOOKMARK": changes.append(.bookmark(pod.version))
            case "ERROR": changes.append(.failed(code))
            default: break
            }
        }

        mutating func found(_ node: Int, _ bytes: [UInt8], isString: Bool) {
            let text = String(decoding: bytes, as: UTF8.self)
            guard isString else {
                if node == layout.isController { owner.isController = text == "true" }
                if node == layout.code { code = Int(text) ?? 0 }
                return
            }
            switch node {
            case layout.name: pod.name = text
            case layout.uid: pod.uid = text
            case layout.version: pod.version = text
            case layout.deletion: pod.isEnding = true
            case layout.hash: pod.templateHash = text
            case layout.ownerKind: owner.kind = text
            case layout.ownerName: owner.name = text
            case layout.phase: pod.phase = text
            case layout.address: pod.address = text
            case layout.conditionType: condition.type = text
            case layout.conditionStatus: condition.status = text
            case layout.type: type = text
            case layout.listVersion: listVersion = text
            default: break
            }
        }
    }
}
