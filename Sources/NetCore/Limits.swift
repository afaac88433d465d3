// Every bound of the network core, in one place, with the relations between them asserted.
// Read by every file of NetCore and by the table in docs/operations.md. Nothing here is policy that
// a user changes: what is configurable comes in through HTTPServer.Options.

/// The bounds of the network core.
package enum Limits {
    /// Events taken from one epoll_wait: a request costs up to 20 us with what the kernel does for
    /// the other end of a loopback connection, so a turn stays below 1 ms. The kernel reports the
    /// others first in the next one.
    package static let eventsPerWait = 32
    /// Microseconds after which a turn begins nothing further: what is left comes first in the next
    /// one, after a look at who else became ready. Half of what a turn may take, since what has
    /// begun is finished.
    package static let turnMicroseconds = 1_000
    /// Jobs and deferred handlers run in one turn before descriptors are looked at again.
    package static let jobsPerTurn = 64
    /// Due timers fired in one turn.
    package static let timersPerTurn = 1_024
    /// Connections taken from one listener in one turn.
    package static let acceptsPerTurn = 16
    /// Pending connections the kernel keeps for a listener.
    package static let listenBacklog = 4_096
    /// Bytes read from one connection in one turn.
    package static let readBytes = 32 * 1_024
    /// Longest request head, request line included.
    package static let headBytes = 16 * 1_024
    /// Longest request target.
    package static let targetBytes = 8 * 1_024
    /// Most header fields in a head.
    package static let headerFields = 100
    /// Requests answered for one connection in one turn: a pipelining client gets its turn again
    /// only after everybody else had theirs.
    package static let requestsPerTurn = 128
    /// Answer bytes after which a connection's turn ends.
    package static let answerBytesPerTurn = 64 * 1_024
    /// Pieces handed to one sendmsg.
    package static let piecesPerWrite = 64
    /// Bytes of a request that is being refused which we read and drop before closing, so that the
    /// client sees the answer and not a reset.
    package static let lingerBytes = 256 * 1_024
    /// Heads that a server keeps to know them again.
    package static let repeatedHeads = 4
    /// Longest head that is kept: a browser's has about 700 bytes.
    package static let repeatedHeadBytes = 2_048
    /// Longest path parameter in such a head.
    package static let repeatedParameterBytes = 128
    /// Bytes a client may send while it listens to a stream; they are read and dropped.
    package static let streamInputBytes = 64 * 1_024
    /// Streams that a drain ends in one turn: each costs up to 20 us.
    package static let streamsEndedPerTurn = 64
    /// Watches of files that are over and still known: as many as can be armed at a time.
    package static let watchesRemembered = 4_096
    /// Refused connections that do not count as open while they are given time to read why.
    package static let lingeringConnections = 64
    /// Longest message of a Unix message socket.
    package static let messageBytes = 160 * 1_024
    /// Messages for a monitor that does not read; with one more it is given up. A daemon sends a
    /// handful in a monitor's life.
    package static let messagesUnsent = 64
    /// Bytes moved one way between two connected sockets in one turn: what is left is reported
    /// again. Much, since the time is bounded.
    package static let spliceBytesPerTurn = 4_096 * 1_024
    /// Microseconds of a turn in which such bytes are moved, for all sockets together.
    package static let spliceMicroseconds = 500
    /// Bytes one call is asked to move: what a pipe holds is the bound that counts.
    package static let spliceCallBytes = 1_024 * 1_024
    /// Calls made for one direction of such a pair in one turn: its bytes can come one at a time.
    package static let splicesPerTurn = 512
    /// Pipes lent to directions whose receiver does not take all; with none left bytes are copied.
    package static let pipes = 64
    /// Pipes kept open for the next borrower.
    package static let pipesKept = 8
    /// Room asked for in a pipe: each call moves what one holds. All that may be lent take half
    /// of what the kernel lets a user's pipes hold before it cuts new ones short
    /// (pipe-user-pages-soft).
    package static let pipeBytes = 512 * 1_024
    /// Room below which a pipe is slower than copying: the kernel's default, when it gives no more.
    package static let pipeBytesLeast = 64 * 1_024
    /// A call that moved less has emptied the socket: the kernel says when there is more.
    package static let spliceBytesLeast = 16 * 1_024
    /// Bytes copied at once when there is no pipe, through one buffer for all.
    package static let spliceCopyBytes = 64 * 1_024
    /// Children started in one turn: a spawn costs about half a millisecond.
    package static let spawnsPerTurn = 1

    /// The relations the code relies on.
    package static func check() {
        precondition(headBytes <= Int(UInt16.max), "offsets into a head are 16 bits wide")
        precondition(targetBytes < headBytes)
        precondition(readBytes >= headBytes, "one read can complete any head")
        precondition(repeatedParameterBytes < repeatedHeadBytes && repeatedHeadBytes <= readBytes)
        precondition(pipesKept <= pipes && spliceCopyBytes <= spliceBytesPerTurn)
        precondition(spliceMicroseconds <= turnMicroseconds)
        precondition(lingerBytes >= 4 * readBytes)
    }
}
