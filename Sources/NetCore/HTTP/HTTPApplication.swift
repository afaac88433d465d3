// What an application gives the HTTP server: a decision before the body is read, the answer, and
// the words of refusals the server makes itself. NetCore knows no routes and no JSON.

/// A refusal by the server: a malformed head, a body too large, a deadline passed.
package struct HTTPRefusal: Sendable {
    package var status: Int
    /// One sentence for a person.
    package var explanation: String

    package init(status: Int, explanation: String) {
        self.status = status
        self.explanation = explanation
    }
}

/// The application behind an `HTTPServer`.
@ReactorActor
package protocol HTTPApplication: AnyObject {
    /// Called when the head is complete, before any of the body is read. False: the exchange was
    /// answered. A request with a large body is admitted twice: again when the body is complete.
    func admit(_ exchange: Exchange) -> Bool
    /// Answers an admitted exchange, at once or by `later`.
    func handle(_ exchange: Exchange)
    /// The answer for a refusal; the connection is closed behind it.
    func answer(to refusal: HTTPRefusal) -> Response
    /// Whether the answer to a GET of `route` depends on the one parameter its path ends with and
    /// on the application's state, and on nothing else of a head that was admitted. No other route
    /// may have a literal in the parameter's place.
    func dependsOnParameterAlone(_ route: Int) -> Bool
    /// The finished answer to a GET of such a route, in the place of `admit` and `handle`; nil has
    /// the request take the whole way. `parameter` is what stands in the path, undecoded and
    /// unchecked: only bytes that need neither may be answered.
    func answer(toRoute route: Int, parameter: Span<UInt8>) -> PreparedAnswer?
    /// A mark for a new connection, kept as `Exchange.connectionMark`.
    func mark(local: SocketAddress, peer: SocketAddress) -> UInt8
    /// The same for a connection over a Unix socket; `user` made it, nil when the kernel does not
    /// say.
    func mark(user: UInt32?) -> UInt8
}

extension HTTPApplication {
    package func dependsOnParameterAlone(_ route: Int) -> Bool { false }
    package func answer(toRoute route: Int, parameter: Span<UInt8>) -> PreparedAnswer? { nil }
}
