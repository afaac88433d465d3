// Watches of the fake API server: changes since a version, then each as it happens, as lines of
// JSON in chunks; bookmarks; the end at the deadline, or 410 for what is forgotten.

import Gretl
import NetCore

/// All open watches.
@ReactorActor
final class Watches {
    private let store: ObjectStore
    private let faults: Faults
    private let reactor: Reactor
    private var open: [ObjectIdentifier: Watch] = [:]

    /// A client that does not read is cut off behind so many bytes.
    private static let unsentMost = 8 << 20

    private struct Watch {
        let wire: Wire
        let kind: ObjectKind
        let namespace: String
        let selector: Selector
        let wantsBookmarks: Bool
    }

    init(_ store: ObjectStore, _ faults: Faults, on reactor: Reactor) {
        self.store = store
        self.faults = faults
        self.reactor = reactor
    }

    var count: Int { open.count }

    func open(_ call: APICall, _ request: WireRequest, on wire: Wire) {
        let watch = Watch(
            wire: wire, kind: call.kind, namespace: call.namespace, selector: Selector(request),
            wantsBookmarks: request.isSet("allowWatchBookmarks"))
        let text = request.query("resourceVersion") ?? ""
        wire.begin()
        guard begin(watch, text, sendsAll: request.isSet("sendInitialEvents")) else {
            return wire.endChunks()
        }
        open[ObjectIdentifier(wire)] = watch
        wire.ended = { [weak self] in self?.open[ObjectIdentifier(wire)] = nil }
        let seconds = Int(request.query("timeoutSeconds") ?? "") ?? 1_800
        spawn { [weak self] in await self?.attend(ObjectIdentifier(wire), seconds) }
    }

    /// False: it is over already.
    private func begin(_ watch: Watch, _ version: String, sendsAll: Bool) -> Bool {
        if sendsAll || version.isEmpty || version == "0" {
            for object in store.list(watch.kind, watch.namespace)
            where watch.selector.isEmpty || watch.selector.matches(object.json) {
                send("ADDED", object, to: watch)
            }
            if sendsAll { bookmark(watch, isEndOfInitial: true) }
            return true
        }
        guard let since = Int(version), since >= store.compacted else {
            let gone = Refusal.status(
                410, "Expired", "too old resource version: \(version) (\(store.compacted))")
            line("ERROR", gone.bytes, to: watch)
            return false
        }
        for change in store.changes where change.object.version > since { tell(watch, change) }
        return true
    }

    /// Bookmarks and the end at the deadline.
    private func attend(_ id: ObjectIdentifier, _ seconds: Int) async {
        let end = reactor.now + .seconds(seconds)
        // Ends at the deadline, or when the client is gone.
        while let watch = open[id] {
            let left = end - reactor.now
            guard left > .zero else {
                open[id] = nil
                watch.wire.ended = {}
                if watch.wantsBookmarks { bookmark(watch) }
                return watch.wire.endChunks()
            }
            await reactor.pause(min(left, faults.bookmarkInterval))
            if let watch = open[id], watch.wantsBookmarks, reactor.now < end { bookmark(watch) }
        }
    }

    func tell(_ change: StoredChange) {
        for watch in open.values { tell(watch, change) }
    }

    private func tell(_ watch: Watch, _ change: StoredChange) {
        guard watch.kind.resource == change.resource,
            watch.namespace.isEmpty || watch.namespace == change.namespace,
            watch.selector.isEmpty || watch.selector.matches(change.object.json)
        else { return }
        send(change.type, change.object, to: watch)
        if faults.duplicatesEvents { send(change.type, change.object, to: watch) }
    }

    private func send(_ type: String, _ object: StoredObject, to watch: Watch) {
        line(type, object.whole(watch.kind), to: watch)
    }

    private func bookmark(_ watch: Watch, isEndOfInitial: Bool = false) {
        var metadata: JSON = ["resourceVersion": JSON(String(store.version))]
        if isEndOfInitial { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        let object: JSON = [
            "kind": JSON(watch.kind.kind), "apiVersion": JSON(watch.kind.apiVersion),
            "metadata": metadata,
        ]
        line("BOOKMARK", object.bytes, to: watch)
    }

    private func line(_ type: String, _ object: [UInt8], to watch: Watch) {
        var bytes = Array("{\"type\":\"\(type)\",\"object\":".utf8)
        bytes += object
        bytes += "}\n".utf8
        if faults.splitsEvents {
            for byte in bytes { watch.wire.chunk([byte]) }
        } else {
            watch.wire.chunk(bytes)
        }
        if watch.wire.unsentBytes > Watches.unsentMost { watch.wire.close() }
    }

    /// Every watch ends without a word.
    func cut() {
        for watch in Array(open.values) { watch.wire.close() }
    }

    /// Every watch is told that its version is forgotten.
    func expire() {
        for (id, watch) in open {
            open[id] = nil
            watch.wire.ended = {}
            let gone = Refusal.status(410, "Expired", "too old resource version")
            line("ERROR", gone.bytes, to: watch)
            watch.wire.endChunks()
        }
    }
}
