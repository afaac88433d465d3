// WebSocket frames: whole and in pieces of the size the first byte asks for give the same frames
// and the same payload; what is read, written again, gives the same bytes.

struct Frames: Equatable {
    var sum: UInt64 = 0
    var frames = 0
    var consumed = 0
    /// 0: more, else the failure.
    var outcome = 0
}

func readFrames(_ bytes: Span<UInt8>, piece: Int, peer: WebSocketRole) -> Frames {
    var decoder = WebSocketDecoder(from: peer, frameMost: 300)
    var result = Frames()
    var arrived = min(piece, bytes.count)
    var due = 0
    while true {
        switch decoder.next(bytes.extracting(result.consumed..<arrived)) {
        case .header(let header, let consumed):
            result.consumed += consumed
            checkWritten(header, bytes.extracting(0..<result.consumed))
            require(header.length <= 300, "a frame is over its limit")
            due = header.length
            result.frames += 1
            result.sum = result.sum &* 31 &+ UInt64(header.length) &+ UInt64(header.opcode.rawValue)
        case .payload(let offset, let count, let mask, let consumed):
            require(count > 0 && count <= due && offset + count == consumed, "a bad step")
            var part: [UInt8] = []
            for i in 0..<count { part.append(bytes[result.consumed + offset + i]) }
            var span = part.mutableSpan
            mask?.apply(to: &span)
            for byte in part { result.sum = result.sum &* 31 &+ UInt64(byte) }
            due -= count
            result.consumed += consumed
        case .end(let consumed):
            require(due == 0, "a frame ends early")
            result.consumed += consumed
        case .needMore(let consumed):
            result.consumed += consumed
            require(result.consumed == arrived, "bytes are left over")
            if arrived == bytes.count { return result }
            arrived = min(arrived + piece, bytes.count)
        case .invalid(let failure):
            result.consumed = 0
            result.outcome = 1 + Int(failure.rawValue)
            return result
        }
    }
}

/// The header, written, is what was read last.
func checkWritten(_ header: WebSocketHeader, _ bytes: Span<UInt8>) {
    let written = [UInt8](capacity: WebSocketHeader.bytesMost) { output in
        require(header.write(into: &output), "a header that was read cannot be written")
    }
    require(written.count == header.encodedCount, "a header has another length")
    for i in 0..<written.count {
        require(written[i] == bytes[bytes.count - written.count + i], "a header differs")
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzWebSocket(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    unsafe withInput(start, count) { input in
        guard count > 1 else { return }
        let bytes = input.extracting(1..<count)
        let peer: WebSocketRole = input[0] & 16 == 0 ? .client : .server
        let whole = readFrames(bytes, piece: max(1, bytes.count), peer: peer)
        require(readFrames(bytes, piece: 1, peer: peer) == whole, "byte by byte differs")
        let piece = 1 + Int(input[0] & 15)
        require(readFrames(bytes, piece: piece, peer: peer) == whole, "in pieces differs")
        var text = [UInt8]()
        for i in 0..<bytes.count { text.append(bytes[i]) }
        let isValid = String(validating: text, as: UTF8.self) != nil
        var check = UTF8Check()
        let isTaken = check.take(bytes)
        require((isTaken && check.isComplete) == isValid, "the text is judged otherwise")
        _ = try? WebSocketClose.code(in: bytes)
    }
    return 0
}
