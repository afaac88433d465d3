// Services as listeners are told of them: the snapshot a client can ask for in front of events. It
// is rendered in parts when the client's socket has room for them; what a part says is true when it
// is rendered, and events that happened since the request follow behind.

package import NetCore

/// The services of the daemon, for EventHub.
@ReactorActor
package struct EventServices {
    let registry: ServiceRegistry
    let view: ServiceView

    package init(_ registry: ServiceRegistry, _ view: ServiceView) {
        self.registry = registry
        self.view = view
    }

    /// The services a filter lets pass, in no order.
    func all(_ filter: EventFilter?) -> [Service] {
        guard let names = filter?.services else { return registry.unsorted }
        return names.compactMap { ServiceNames.decode($0).flatMap(registry.find) }
    }

    /// One frame about `services`.
    func frame(_ services: some Sequence<Service>, isLast: Bool) -> ByteChunk {
        var json = JSONText(capacity: 4_096)
        json.beginObject()
        json.key("services")
        json.beginArray()
        for service in services where service.removal != .done {
            view.write(service, status: registry.status(of: service), into: &json)
        }
        json.endArray()
        json.field("last", isLast)
        json.endObject()
        return ByteChunk(EventFrames.frame("stream.snapshot", json))
    }
}
