// Path segments, query items and percent-decoding: on demand, without allocation.
//
// Handlers step through a target that RequestTarget has checked. The iterators hold offsets only
// and take the bytes with each step, because a struct may not keep a Span.

/// The segments of a path, split at "/".
///
/// "/a/b" gives "a", "b"; "/" gives one empty segment; "/a/" gives "a" and an empty one; an empty
/// path gives none. Segments are as sent: decode before comparing.
package struct PathSegments: Sendable {
    private var at: Int
    private let end: Int

    package init(_ path: ByteRange) {
        at = path.lower
        end = path.end
    }

    /// The next segment, possibly empty; nil behind the last one.
    package mutating func next(_ bytes: Span<UInt8>) -> ByteRange? {
        let last = min(end, bytes.count)
        guard at < last, bytes[at] == 0x2F else { return nil }
        let start = at &+ 1
        var slash = start
        while slash < last, bytes[slash] != 0x2F { slash &+= 1 }
        at = slash
        return ByteRange(from: start, to: slash)
    }
}

/// One `name=value` of a query, as sent; "+" is a plus sign.
package struct QueryItem: Equatable, Sendable {
    package var name: ByteRange
    /// Empty when there is no "=".
    package var value: ByteRange
    package var hasValue: Bool
}

/// The items of a query, split at "&". Empty items are skipped.
package struct QueryItems: Sendable {
    private var at: Int
    private let end: Int

    package init(_ query: ByteRange) {
        at = query.lower
        end = query.end
    }

    /// The next item; nil behind the last one.
    package mutating func next(_ bytes: Span<UInt8>) -> QueryItem? {
        let last = min(end, bytes.count)
        while at < last {
            let start = at
            var equals: Int?
            while at < last, bytes[at] != 0x26 {
                if bytes[at] == 0x3D, equals == nil { equals = at }
                at &+= 1
            }
            let stop = at
            at &+= 1
            if stop == start { continue }
            guard let equals else {
                return QueryItem(
                    name: ByteRange(from: start, to: stop), value: ByteRange(), hasValue: false)
            }
            return QueryItem(
                name: ByteRange(from: start, to: equals),
                value: ByteRange(from: equals &+ 1, to: stop), hasValue: true)
        }
        return nil
    }
}

/// Appends `range` to `output` with every "%XX" replaced by its byte, which may be any, NUL
/// included. False when an encoding is broken or `output` is too small; `output` then holds a
/// part.
package func percentDecode(
    _ bytes: Span<UInt8>, _ range: ByteRange, into output: inout OutputSpan<UInt8>
) -> Bool {
    let part = range.clamped(to: bytes.count)
    var at = part.lowerBound
    while at < part.upperBound {
        guard output.freeCapacity > 0 else { return false }
        let byte = bytes[at]
        if byte != 0x25 {
            output.append(byte)
            at &+= 1
            continue
        }
        guard at &+ 2 < part.upperBound, let high = ASCII.hexValue(bytes[at &+ 1]),
            let low = ASCII.hexValue(bytes[at &+ 2])
        else { return false }
        output.append(high &<< 4 | low)
        at &+= 3
    }
    return true
}
