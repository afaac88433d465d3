// Response heads: whole, and byte by byte give one answer.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzResponse(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    unsafe withInput(start, count) { bytes in
        let limits = HeadLimits(headMost: 512, fieldsMost: 8)
        var head = ResponseHead()
        var scan = HeadScan()
        let whole = head.parse(bytes, scan: &scan, limits: limits)
        if case .invalid(let failure) = whole {
            require(failure.reason != .scannersDisagree, "the passes disagree")
        }
        if case .complete(let length) = whole {
            require(length <= count && head.status >= 100 && head.status <= 999, "out of range")
            require(head.reason.end <= length, "the reason ends outside")
        }
        var slow = HeadScan()
        var outcome = HeadOutcome.incomplete
        for end in 0...count where outcome == .incomplete {
            outcome = head.parse(bytes.extracting(0..<end), scan: &slow, limits: limits)
        }
        require(outcome == whole, "byte by byte differs")
    }
    return 0
}
