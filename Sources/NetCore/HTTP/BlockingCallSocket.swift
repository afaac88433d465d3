// How a blocking call reaches a daemon by its socket file. Whoever answers there must be the caller
// or root: nothing is sent to anybody else.

internal import CEpoll
import Glibc

extension BlockingCall {
    /// Looks at a full queue of waiting connections this often.
    private static let lookAgain: Int32 = 10

    /// A connection to the socket file at `path`.
    static func connected(
        toFile path: String, until deadline: Instant
    ) throws(Failure)
        -> Descriptor
    {
        let file: SocketFile
        do { file = try SocketFile(path) } catch { throw .unreachable(error) }
        // Ends at the deadline; a signal may end a wait early.
        for _ in 0..<10_000 {
            var number: Int32 = -1
            // The address is a plain value that outlives the call; `number` is ours from here on.
            let code = unsafe file.address.withRaw { raw in
                unsafe cepoll_connect(raw, Int32(SOCK_STREAM.rawValue), &number)
            }
            if code == 0 {
                let socket = Descriptor(number)
                try checkUser(of: number)
                return socket
            }
            guard code == -EAGAIN, SystemTime.shared.now() < deadline else {
                throw .unreachable(SystemError("connect", code))
            }
            // Nothing to wait for: the kernel does not tell when there is room again.
            _ = poll(nil, 0, lookAgain)
        }
        throw .timedOut
    }

    /// The kernel keeps who began to listen there.
    private static func checkUser(of number: Int32) throws(Failure) {
        let user = SocketFile.peerUser(of: number) ?? .max
        guard user == 0 || user == geteuid() else { throw .foreignServer(uid: user) }
    }
}
