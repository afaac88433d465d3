// Chunked bodies: whole and in pieces of the size the first byte asks for give one body.

struct Decoding: Equatable {
    var sum: UInt64 = 0
    var count = 0
    var consumed = 0
    /// 0: more, 1: end, else the reason of the failure.
    var outcome = 0
}

func decode(_ bytes: Span<UInt8>, piece: Int) -> Decoding {
    var decoder = ChunkedDecoder(bodyMost: 100)
    var result = Decoding()
    var arrived = min(piece, bytes.count)
    while true {
        switch decoder.next(bytes.extracting(result.consumed..<arrived)) {
        case .data(let offset, let count, let consumed):
            require(count > 0 && offset + count == consumed, "a step is inconsistent")
            for i in 0..<count {
                result.sum = result.sum &* 31 &+ UInt64(bytes[result.consumed + offset + i])
            }
            result.count += count
            result.consumed += consumed
            require(result.count <= 100, "the body is over its limit")
        case .needMore(let consumed):
            result.consumed += consumed
            require(result.consumed == arrived, "bytes are left over")
            if arrived == bytes.count { return result }
            arrived = min(arrived + piece, bytes.count)
        case .end(let consumed):
            result.consumed += consumed
            result.outcome = 1
            return result
        case .invalid(let failure):
            result.consumed = 0
            result.outcome = 2 + Int(failure.reason.rawValue)
            return result
        }
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzChunked(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    unsafe withInput(start, count) { input in
        guard count > 1 else { return }
        let bytes = input.extracting(1..<count)
        let whole = decode(bytes, piece: max(1, bytes.count))
        require(decode(bytes, piece: 1) == whole, "byte by byte differs")
        require(decode(bytes, piece: 1 + Int(input[0] & 15)) == whole, "in pieces differs")
    }
    return 0
}
