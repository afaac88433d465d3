// What programs wrote: the log of one service, and the logs of many merged by time. Decodes the
// request and hands it to a search; reading and rendering happen elsewhere.

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
            return LogSearch([source(service)], query, isSingle: true)
        }
    }

    /// GET /v1/logs
    func many(_ exchange: Exchange) {
        answer(exchange) { query throws(APIError) in
            guard query.before == nil else {
                throw .invalid(
                    "'before' is a place in the log of one service",
                    hint: "use 'until' here, or ask for one service")
            }
            let services = try chosen(exchange.query("services"), exchange.query("group"))
            return LogSearch(services.map(source), query, isSingle: false)
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
                "\(services.count) services are more than the \(LogLimits.servicesPerRequest) whose logs "
                    + "are read at once",
                hint: "name some with ?services=a,b or ?group=@x")
        }
        return services
    }

    private func source(_ service: Service) -> LogSource {
        LogSource(
            name: service.name, files: LogFiles(supervisor.environment.logPath(service.name)))
    }

    /// Reads the query, makes the search, and answers with what it finds.
    private func answer(
        _ exchange: Exchange,
        _ make: (LogQuery) throws(APIError) -> LogSearch
    ) {
        let search: LogSearch
        let isText: Bool
        do throws(APIError) {
            let query = try LogQuery(now: output.now) { exchange.query($0) }
            isText = query.isText
            search = try make(query)
        } catch {
            exchange.reply(error.response)
            return
        }
        let later = exchange.later()
        spawn {
            later.reply(
                await APIError.catching { () async throws(APIError) in
                    let body = try await output.work.run(search) { !later.isAbandoned }
                    return Response(
                        status: 200,
                        contentType: isText ? "text/plain; charset=utf-8" : "application/json",
                        body: body)
                })
        }
    }
}
