// POST /v1/services/{name}/attach and .../resize: a client's socket becomes one end of a program's
// terminal. The monitor gets the socket itself; what goes over it then never passes this process,
// and lives on when it ends.

import HTTPParser
package import NetCore

/// Handlers of the terminal routes.
@ReactorActor
package struct TerminalRoutes {
    let registry: ServiceRegistry

    /// Answers 101 and gives the socket to the monitor.
    func attach(_ exchange: Exchange) {
        do throws(APIError) {
            let service = try find(exchange)
            guard exchange.text(of: .upgrade)?.lowercased() == "tcp" else {
                throw .invalid(
                    "attaching needs the connection for itself",
                    hint: "send 'Connection: Upgrade' and 'Upgrade: tcp'")
            }
            _ = try terminal(of: service)
            exchange.upgrade([("Connection", "Upgrade"), ("Upgrade", "tcp")]) { socket in
                // Lent for the call: the monitor has its own copy then, or nobody has.
                if let link = try? terminal(of: service) { link.attach(socket.descriptor) }
                socket.close()
            }
        } catch { exchange.reply(error.response) }
    }

    /// Tells the terminal how large it is.
    func resize(_ exchange: Exchange) {
        do throws(APIError) {
            let service = try find(exchange)
            let rows = try count("rows", exchange)
            let columns = try count("cols", exchange)
            try terminal(of: service).resize(TerminalSize(rows: rows, columns: columns))
            var json = JSONText()
            json.beginObject()
            json.field("name", service.name)
            json.field("rows", Int(rows))
            json.field("cols", Int(columns))
            json.endObject()
            exchange.reply(Response(status: 200, body: json.bytes))
        } catch { exchange.reply(error.response) }
    }

    private func find(_ exchange: Exchange) throws(APIError) -> Service {
        guard let name = exchange.parameter(0) else {
            throw .invalid(
                "the name in the path is not valid UTF-8", hint: "percent-encode it")
        }
        return try registry.get(name)
    }

    /// The monitor of a program that has a terminal.
    private func terminal(of service: Service) throws(APIError) -> MonitorLink {
        let name = service.name
        guard let program = service.program, service.machine.isAlive else {
            throw APIError(
                .notRunning, "'\(name)' does not run",
                hint: "run \(ShellQuoting.command("gr start", name)) first")
        }
        guard service.adopted == nil, service.reachable.tty else {
            let quoted = ShellQuoting.quoted(name)
            throw .invalid(
                "'\(name)' (pid \(program.pid)) runs without a terminal",
                hint:
                    "register it with 'tty': true (gr add \(quoted) --tty) and restart it; its "
                    + "output is in its log (gr logs \(quoted))")
        }
        guard let link = service.link, link.isOpen else {
            throw .daemonBusy("'\(name)' is being given a new monitor")
        }
        return link
    }

    private func count(_ field: String, _ exchange: Exchange) throws(APIError) -> UInt16 {
        guard let text = exchange.query(field), text.utf8.count <= 5,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let value = UInt16(text), (1...10_000).contains(value)
        else {
            throw .invalid(
                "'\(field)' is not a number from 1 to 10000", hint: "such as ?rows=24&cols=80")
        }
        return value
    }
}
