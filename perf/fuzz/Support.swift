// What the fuzz targets share: pieces of the input, and the end of the process on a wrong answer.
//
// Compiled into each target together with the sources of HTTPParser, as one module.

/// Ends the process, so that libFuzzer reports the input, unless `condition` holds.
@inline(__always)
func require(_ condition: Bool, _ rule: StaticString) {
    if !condition { fatalError("\(rule)") }
}

/// The input as a span inside `body`. Never called with a negative count.
@inline(__always)
func withInput(
    _ start: UnsafePointer<UInt8>, _ count: Int, _ body: (Span<UInt8>) -> Void
) {
    let buffer = unsafe UnsafeBufferPointer(start: start, count: count)
    unsafe body(buffer.span)
}
