// Services as JSON: the object of GET /v1/services, the short answers of start and stop, and the
// finished answer of resolve. The shape is stable: what is not known is null. Values of variables
// are secrets more often than not: only their names are shown.

package import NetCore

/// Renders services.
@ReactorActor
package struct ServiceView {
    /// Where the output of a spec's program goes.
    let logPath: (ServiceSpec) -> String

    /// The object of list and get.
    package func write(
        _ service: Service, status: String, warnings: [String] = [], into json: inout JSONText
    ) {
        let spec = service.spec
        json.beginObject()
        json.field("name", spec.name)
        json.field("port", service.reachable.port)
        json.field("group", spec.group)
        json.field("status", status)
        json.field("pid", service.program?.pid)
        json.field("url", service.reachable.url)
        json.field("startedAt", service.program.map { Timestamp.text(milliseconds: $0.startedAt) })
        json.field("cpu", service.usage.map { ($0.cores * 1_000).rounded() / 1_000 })
        json.field("rssMB", service.usage.map { $0.residentBytes >> 20 })
        json.field("cmd", spec.command)
        json.field("cwd", spec.directory)
        json.field("ready", spec.ready)
        json.field("dependsOn", spec.dependsOn)
        json.field("restartWith", spec.restartWith)
        json.field("restart", spec.restart.rawValue)
        json.field("start", spec.startMode.rawValue)
        json.field("listen", spec.heldPort != nil)
        json.field("autostart", spec.autostart)
        json.field("tty", spec.tty)
        json.field("stopSignal", spec.stopSignal ?? "SIGTERM")
        json.field("env", spec.environment.keys.sorted())
        let exit = service.machine.isAlive ? nil : service.machine.lastExit
        json.field("exitCode", exit?.exitCode)
        json.field("signal", exit?.signal.map(SignalName.text))
        json.field("stopReason", stopReason(service))
        // Of an end that nobody saw the time may be unknown.
        let endedAt = exit.flatMap { $0.endedAt > 0 ? $0.endedAt : nil }
        json.field("endedAt", endedAt.map { Timestamp.text(milliseconds: $0) })
        json.field("pendingChange", service.live.map { $0 != spec } ?? false)
        json.field("lastProbe", service.lastProbe)
        json.field("restarts", service.restarts)
        json.field("nextTryAt", service.nextTry.map { Timestamp.text(milliseconds: $0) })
        json.field("adopted", service.adopted != nil)
        // Where an adopted program writes to is its own business.
        let hasLog = spec.command != nil && service.adopted == nil
        json.field("logFile", hasLog ? logPath(spec) : nil)
        json.field("root", spec.root)
        let warnings = warnings + [service.portNotice].compactMap { $0 }
        if !warnings.isEmpty { json.field("warnings", warnings) }
        json.endObject()
    }

    private func stopReason(_ service: Service) -> String? {
        guard !service.machine.isAlive else { return nil }
        if service.machine.status == "armed" { return nil }
        if let failure = service.failure { return failure }
        guard let exit = service.machine.lastExit else { return nil }
        if exit.requested { return "stopped on request" }
        if let signal = exit.signal { return "killed by \(SignalName.text(signal))" }
        return exit.exitCode == 0 ? "ended by itself" : "exit code \(exit.exitCode)"
    }

    /// The answer of resolve: what SDKs read on every request.
    package static func resolution(_ service: Service, status: String) -> Response {
        var json = JSONText()
        json.beginObject()
        json.field("name", service.spec.name)
        json.field("url", service.reachable.url)
        json.field("port", service.reachable.port)
        json.field("status", status)
        json.endObject()
        return Response(status: 200, body: json.bytes)
    }
}
