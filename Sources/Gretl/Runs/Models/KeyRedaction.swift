// Takes the daemon's own keys out of what is told of a server's failures, whole or cut: some
// servers repeat the beginning of a key they do not know.

/// Finds keys in texts.
struct KeyRedaction: Sendable {
    private let keys: [String]
    /// What is shorter would be found in innocent text.
    private static let lengthLeast = 8

    init(_ keys: [Secret]) {
        self.keys = keys.map { $0.reveal() }.filter { $0.utf8.count >= KeyRedaction.lengthLeast }
    }

    /// The text with every piece of a key of eight characters or more replaced that stands at the
    /// key's beginning.
    func clean(_ text: String) -> String {
        keys.reduce(text) { KeyRedaction.clean($0, $1) }
    }

    private static func clean(_ text: String, _ key: String) -> String {
        let bytes = Array(text.utf8)
        let key = Array(key.utf8)
        var cleaned: [UInt8] = []
        var at = 0
        while at < bytes.count {
            var same = 0
            while same < key.count, at + same < bytes.count, bytes[at + same] == key[same] {
                same += 1
            }
            if same >= lengthLeast {
                cleaned += Array("[…]".utf8)
                at += same
            } else {
                cleaned.append(bytes[at])
                at += 1
            }
        }
        return String(decoding: cleaned, as: UTF8.self)
    }
}
