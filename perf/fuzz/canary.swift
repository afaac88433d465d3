// A target with a fault in it, which must be found: proof that the fuzzing works at all.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzCanary(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    unsafe withInput(start, count) { bytes in
        guard count > 3 else { return }
        if bytes[0] == 0x47, bytes[1] == 0x45, bytes[2] == 0x54 {
            require(bytes[3] != 0x20, "the canary sings")
        }
    }
    return 0
}
