// Request targets: parts lie inside, segments rebuild the path, decoding never grows.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzTarget(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    unsafe withInput(start, count) { bytes in
        guard count > 0, count < 4096 else { return }
        let range = ByteRange(from: 1, to: count)
        let method = HTTPMethod(rawValue: bytes[0] % 10) ?? .get
        guard
            case .success(let target) = RequestTarget.parse(
                bytes, target: range, method: method)
        else { return }
        require(target.path.end <= count && target.query.end <= count, "a part ends outside")
        var segments = PathSegments(target.path)
        var length = 0
        while let segment = segments.next(bytes) { length += 1 + Int(segment.count) }
        require(length == Int(target.path.count), "segments do not rebuild the path")
        var items = QueryItems(target.query)
        while let item = items.next(bytes) {
            require(item.name.end <= count && item.value.end <= count, "an item ends outside")
        }
        var isFine = false
        let decoded = [UInt8](capacity: count) { output in
            isFine = percentDecode(bytes, target.path, into: &output)
        }
        require(isFine && decoded.count <= Int(target.path.count), "a checked path decodes")
    }
    return 0
}
