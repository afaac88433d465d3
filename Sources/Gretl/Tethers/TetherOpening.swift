// Opens the proxy of a tether on a port of the pool: the one it had if that is free, else another,
// since between a look and the bind anybody can take one. Used by Tethers.

package import NetCore

/// Why no proxy could be opened.
package enum TetherOpenFailure: Error, Equatable, Sendable {
    /// Every port of the pool is with somebody.
    case noPort
    case machine(SystemError)
}

extension Tether {
    /// Listens from now on; the port stands in the record. Does nothing when it does so already.
    package func open(
        _ pool: PortPool, _ context: TetherContext, isRemembered: (UInt16) -> Bool
    ) throws(TetherOpenFailure) {
        guard proxy == nil else { return }
        var inVain: [UInt16] = []
        defer { for port in inVain { pool.giveBack(port) } }
        var wanted: UInt16? = record.localPort
        for _ in 0..<TetherLimits.bindsTried {
            let own = hasPort ? record.localPort : nil
            guard let port = own ?? pool.take(preferring: wanted, isRemembered: isRemembered)
            else { throw .noPort }
            hasPort = false
            do throws(SystemError) {
                proxy = try TetherProxy(self, port: port, context)
                record.localPort = port
                hasPort = true
                return
            } catch {
                inVain.append(port)
                guard error.isAddressInUse else { throw .machine(error) }
                wanted = nil
            }
        }
        throw .noPort
    }

    /// Frees the port and resets every connection; `finished` is called when all are gone.
    package func close(_ pool: PortPool, _ finished: @escaping () -> Void) {
        let closing = proxy
        proxy = nil
        guard let closing else {
            giveBackPort(pool)
            return finished()
        }
        // What is under way is shown no more, but counted.
        closing.close { [self] in
            giveBackPort(pool)
            finished()
        }
    }

    private func giveBackPort(_ pool: PortPool) {
        guard hasPort else { return }
        hasPort = false
        pool.giveBack(record.localPort)
    }
}
