// GET /v1/events: decodes the request and has the hub feed the stream.

import HTTPParser
package import NetCore

/// The handler of the event stream.
@ReactorActor
package struct EventRoutes {
    let hub: EventHub

    package init(hub: EventHub) { self.hub = hub }

    /// GET /v1/events
    func open(_ exchange: Exchange) {
        let query: EventQuery
        do throws(APIError) {
            // Several ids are none.
            let header =
                exchange.count(of: .lastEventID) > 1 ? "," : exchange.text(of: .lastEventID)
            query = try EventQuery(header: header) { exchange.query($0) }
        } catch {
            exchange.reply(error.response)
            return
        }
        guard hub.hasRoom else {
            exchange.reply(
                APIError.daemonBusy(
                    "\(EventLimits.subscribers) clients listen already, or the "
                        + "daemon is shutting down"
                ).response)
            return
        }
        let ring = hub.log.ring
        let head = Response(
            status: 200, contentType: "text/event-stream",
            headers: [
                ("X-Accel-Buffering", "no"),
                ("X-Gretl-Oldest-Event", "\(ring.oldestID)"),
                ("X-Gretl-Latest-Event", "\(ring.latestID)"),
            ], body: [])
        // From here on the client misses nothing, however long the head takes.
        let start = hub.start(query)
        exchange.openStream(head) { [hub] stream in hub.add(stream, start) }
    }
}
