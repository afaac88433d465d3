// The memory behind HeaderFields: fixed, owned, allocated once per head object.
//
// An InlineArray would be the plain choice, but Swift 6.3 copies the whole array at each read of
// one element (measured: a third of the parse), so this owns its bytes. Indices are masked to the
// capacity: no index, however wrong, reaches outside.

/// One header line.
struct Field {
    var name: ByteRange
    var value: ByteRange
    /// The raw value of the known header, or ``KnownHeaderTable/unknown``.
    var known: UInt8
}

/// 128 lines and the values of 32 known headers.
@safe
struct FieldTable: ~Copyable {
    private static var lineCount: Int { 128 }
    private static var knownCount: Int { 32 }

    private let lines: UnsafeMutablePointer<Field>
    private let firsts: UnsafeMutablePointer<ByteRange>

    init() {
        unsafe lines = .allocate(capacity: Self.lineCount)
        unsafe firsts = .allocate(capacity: Self.knownCount)
        // Initialised in full, so that every masked index is readable.
        unsafe lines.initialize(
            repeating: Field(
                name: ByteRange(), value: ByteRange(), known: KnownHeaderTable.unknown),
            count: Self.lineCount)
        unsafe firsts.initialize(repeating: ByteRange(), count: Self.knownCount)
    }

    deinit {
        // Trivial elements: nothing to deinitialise.
        unsafe lines.deallocate()
        unsafe firsts.deallocate()
    }

    /// Line `index`.
    subscript(_ index: Int) -> Field {
        // In bounds by the mask; this object owns the memory.
        @inline(__always) get { unsafe lines[index & (Self.lineCount &- 1)] }
        @inline(__always) nonmutating set {
            unsafe lines[index & (Self.lineCount &- 1)] = newValue
        }
    }

    /// The value of the first line of the known header with this raw value. The last slot is a
    /// spare one: no header has its number.
    subscript(known raw: UInt8) -> ByteRange {
        // In bounds by the mask; this object owns the memory.
        @inline(__always) get { unsafe firsts[Int(raw) & (Self.knownCount &- 1)] }
        @inline(__always) nonmutating set {
            unsafe firsts[Int(raw) & (Self.knownCount &- 1)] = newValue
        }
    }
}
