// The daemon about itself: liveness, and the counters of its loop.

package import NetCore

/// Handlers of the daemon's own routes.
@ReactorActor
package struct DaemonRoutes {
    let reactor: Reactor
    let server: () -> HTTPServer?
    let events: EventHub

    func health(_ exchange: Exchange) {
        var json = JSONText()
        json.beginObject()
        json.field("status", "ok")
        json.field("version", Version.text)
        json.endObject()
        exchange.reply(Response(status: 200, body: json.bytes))
    }

    func stats(_ exchange: Exchange) {
        let counts = reactor.statistics
        var json = JSONText()
        json.beginObject()
        json.key("reactor")
        json.beginObject()
        json.field("turns", counts.turns)
        json.field("events", counts.events)
        json.field("staleEvents", counts.staleEvents)
        json.field("reads", counts.reads)
        json.field("writes", counts.writes)
        json.field("interestChanges", counts.interestChanges)
        json.field("timersFired", counts.timersFired)
        json.field("jobs", counts.jobs)
        json.field("longestTurnMicroseconds", counts.longestTurn.inNanoseconds / 1_000)
        json.field(
            "busiestTurnMicroseconds",
            reactor.measuresCPU ? counts.busiestTurn.inNanoseconds / 1_000 : nil)
        json.endObject()
        json.key("http")
        json.beginObject()
        json.field("requests", counts.requests)
        json.field("accepted", counts.accepted)
        json.field("shed", counts.shedConnections)
        json.field("connections", server()?.connectionCount ?? 0)
        json.endObject()
        json.key("events")
        json.beginObject()
        json.field("listeners", events.count)
        json.field("latest", events.log.ring.latestID)
        json.field("published", events.counts.published)
        json.field("slow", events.counts.slow)
        json.field("notWritten", events.log.counts.notWritten)
        json.field("notNumbered", events.log.counts.notNumbered)
        json.endObject()
        json.endObject()
        exchange.reply(Response(status: 200, body: json.bytes))
    }
}
