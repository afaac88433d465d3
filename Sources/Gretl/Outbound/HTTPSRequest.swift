// A request to another machine and the head of its answer: the values that HTTPSClient and its
// callers share.

package import NetCore

extension HTTPSClient {
    /// What to ask, of whom, and for how long.
    package struct Request: Sendable {
        package var method = "GET"
        /// http or https, absolute.
        package var url: String
        package var headers: [(String, String)] = []
        /// The whole value of the header Authorization.
        package var authorization: Secret?
        /// Further headers whose values must not be told.
        package var secretHeaders: [(String, Secret)] = []
        package var body: [UInt8]?
        package var identity = TLSIdentity()
        package var connectTimeout = Duration.seconds(10)
        /// How long no byte may come; does not count while the consumer pauses it.
        package var idleTimeout = Duration.seconds(60)
        package var totalTimeout: Duration?

        package init(url: String) { self.url = url }
    }

    /// Status and headers.
    package struct Head: Sendable {
        package var status: Int
        /// Names in lower case.
        package var headers: [(name: String, value: String)]

        /// The first value of a header; `name` in lower case.
        package func value(_ name: String) -> String? {
            headers.first { $0.name == name }?.value
        }
    }

    /// A whole answer.
    package struct Answer: Sendable {
        package var head: Head
        package var body: [UInt8]

        package var status: Int { head.status }
    }
}

/// What a consumer says after a piece of a body: the piece was taken in either case.
package enum TransferFlow: Sendable { case go, pause }

/// Takes an answer as it comes.
@ReactorActor
package protocol TransferConsumer: AnyObject {
    /// Status and headers are there.
    func transferDidBegin(_ transfer: Transfer, _ head: HTTPSClient.Head)
    func transfer(_ transfer: Transfer, received bytes: Span<UInt8>) -> TransferFlow
    /// Exactly once, and never after `cancel()`; without a failure the answer is whole.
    func transferDidEnd(_ transfer: Transfer, _ failure: TransferError?)
}
