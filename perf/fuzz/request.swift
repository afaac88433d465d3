// Request heads: whole, cut in two, and byte by byte give one answer, through both scanners.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzRequest(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    unsafe withInput(start, count) { bytes in
        let limits = HeadLimits(targetMost: 64, headMost: 512, fieldsMost: 8)
        var head = RequestHead()
        var scan = HeadScan()
        let whole = head.parse(bytes, scan: &scan, limits: limits)
        require(whole.isSane(count), "an offset or length is outside")
        if case .complete = whole { checkRanges(head, bytes) }
        var portable = HeadScan()
        let other = head.parse(bytes, scan: &portable, limits: limits, with: WordScanner.self)
        require(other == whole, "the scanners disagree")
        var slow = HeadScan()
        var outcome = HeadOutcome.incomplete
        for end in 0...count where outcome == .incomplete {
            outcome = head.parse(bytes.extracting(0..<end), scan: &slow, limits: limits)
        }
        require(outcome == whole, "byte by byte differs")
    }
    return 0
}

/// Every range of a complete head lies inside, and its target parses without a trap.
func checkRanges(_ head: borrowing RequestHead, _ bytes: Span<UInt8>) {
    for i in 0..<head.fieldCount {
        let field = head.field(i)
        require(field.name.end <= field.value.lower, "a name overlaps its value")
        require(field.value.end <= bytes.count, "a value ends outside")
        for at in field.name.lower..<field.name.end {
            require(ASCII.token.contains(bytes[at]), "a name holds a foreign byte")
        }
        for at in field.value.lower..<field.value.end {
            require(ASCII.isFieldValue(bytes[at]), "a value holds a control byte")
        }
    }
    for header in KnownHeader.allCases {
        require(
            (head.value(of: header) == nil) == (head.count(of: header) == 0), "a count is wrong")
    }
    _ = RequestTarget.parse(bytes, target: head.target, method: head.method)
}

extension HeadOutcome {
    func isSane(_ count: Int) -> Bool {
        switch self {
        case .complete(let length): length >= 16 && length <= count
        case .incomplete: true
        case .invalid(let failure):
            failure.reason != .scannersDisagree && failure.offset >= 0 && failure.offset <= count
        }
    }
}
