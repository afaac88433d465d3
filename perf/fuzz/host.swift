// Host values: the quick check of a head and the full parse agree, and parts lie inside.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzHost(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    unsafe withInput(start, count) { bytes in
        guard count < 4096 else { return }
        // The check may look at bytes behind the value, as they stand in a head: leave some.
        for end in [count, max(0, count - 9)] {
            let range = ByteRange(from: 0, to: end)
            let value = HostValue.parse(bytes, range)
            let native = HostValue.isValid(bytes, range, limit: count, with: NativeScanner.self)
            let word = HostValue.isValid(bytes, range, limit: count, with: WordScanner.self)
            require(native == (value != nil) && word == native, "the checks disagree")
            guard let value else { continue }
            require(value.host.end <= end && !value.host.isEmpty, "the host is outside")
            require(value.port.map { $0 >= 0 && $0 <= 65535 } ?? true, "the port is too large")
        }
    }
    return 0
}
