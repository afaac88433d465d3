// What programs wrote: the log of one service, and the logs of many merged by time. Decodes the
// request and hands it to a search, or to the followers; reading and rendering happen elsewhere.

import HTTPParser
package import NetCore

/// Handlers of the log routes.
@ReactorActor
package struct LogRoutes {
    let registry: ServiceRegistry
    let supervisor: Supervisor
    let output: ServiceOutput

    /// GET /v1/services/{name}/logs
    func one(_ exchange: Exchange) {
        answer(exchange) { query throws(APIError) in
            guard let name = exchange.parameter(0) else {
                throw .invalid(
                    "the name in the path is not valid UTF-8", hint: "percent-encode it")
            }
            let service = try registry.get(name)
            return LogFollow(
                sources: [source(service)], query: query, isSingle: true,
                start: start(exchange, query))
        }
    }

    /// GET /v1/logs
    func many(_ exchange: Exchange) {
        answer(exchange) { query throws(APIError) in
            guard query.before == nil, query.after == nil else {
                throw .invalid(
                    "'before' and 'after' are places in the log of one service",
                    hint: "use 'since' and 'until' here, or ask for one service")
            }
            let services = try chosen(exchange.query("services"), exchange.query("group"))
            return LogFollow(
                sources: services.map(source), query: query, isSingle: false, start: .newest)
        }
    }

    /// The services of a request: those named, those of the group, or all.
    private func chosen(_ names: String?, _ group: String?) throws(APIError) -> [Service] {
        var services: [Service] = []
        if names == nil, group == nil { services = registry.all }
        for name in names?.split(separator: ",") ?? [] {
            let service = try registry.get(String(name))
            if !services.contains(where: { $0 === service }) { services.append(service) }
        }
        if let group {
            let wanted = group.hasPrefix("@") ? group : "@\(group)"
            services += registry.all.filter { service in
                service.spec.group == wanted && !services.contains { $0 === service }
            }
        }
        guard services.count <= LogLimits.servicesPerRequest else {
            throw .invalid(
                "\(services.count) services are more than the "
                    + "\(LogLimits.servicesPerRequest) whose logs are read at once",
                hint: "name some with ?services=a,b or ?group=@x")
        }
        return services
    }

    private func source(_ service: Service) -> LogSource {
        LogSource(
            name: service.name,
            files: LogFiles(supervisor.environment.logPath(of: service.reachable)))
    }

    /// Where following begins: what the client had last counts more than what its address says.
    private func start(_ exchange: Exchange, _ query: LogQuery) -> LogFollow.Start {
        // An empty one is none: a client that has seen no line has no other.
        if exchange.count(of: .lastEventID) == 1, let id = exchange.text(of: .lastEventID),
            !id.isEmpty
        {
            return LogPosition(id).map { .after($0) } ?? .nowhere
        }
        if exchange.count(of: .lastEventID) > 1 { return .nowhere }
        return query.after.map { .after($0) } ?? .newest
    }

    /// Reads the query, and answers with what there is, or with a stream of it.
    private func answer(
        _ exchange: Exchange,
        _ make: (LogQuery) throws(APIError) -> LogFollow
    ) {
        let request: LogFollow
        do throws(APIError) {
            request = try make(try LogQuery(now: output.now) { exchange.query($0) })
        } catch {
            exchange.reply(error.response)
            return
        }
        guard !request.query.isFollowed else { return output.followers.open(request, exchange) }
        let later = exchange.later()
        spawn {
            later.reply(
                await APIError.catching { () async throws(APIError) in
                    let search = LogSearch(
                        request.sources, request.query, isSingle: request.isSingle)
                    let body = try await output.work.run(search) { !later.isAbandoned }
                    let isText = request.query.isText
                    return Response(
                        status: 200,
                        contentType: isText ? "text/plain; charset=utf-8" : "application/json",
                        body: body)
                })
        }
    }
}
