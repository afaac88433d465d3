// The data of an event as a reader gets it: names and values in a settled order, whatever fields a
// newer daemon adds.

/// The fields of one event.
struct EventFields {
    /// In the order in which they are shown.
    let pairs: [(key: String, value: String)]

    private static let order = [
        "name", "port", "pid", "url", "exitCode", "signal", "reason", "group", "claimedBy",
        "holder",
    ]

    init(_ data: [UInt8]) {
        let fields = DaemonClient.value([String: Value].self, data)
        func rank(_ key: String) -> Int { Self.order.firstIndex(of: key) ?? Self.order.count }
        pairs = (fields ?? [:]).map { (key: $0.key, value: $0.value.text) }
            .sorted { (rank($0.key), $0.key) < (rank($1.key), $1.key) }
    }

    func text(_ key: String) -> String? { pairs.first { $0.key == key }?.value }

    /// Whom it is about.
    var subjects: [String] { ["name", "claimedBy", "holder"].compactMap(text) }

    /// A value as text; what is nested deeper than a list is left out.
    private struct Value: Decodable {
        let text: String

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if value.decodeNil() {
                text = "null"
            } else if let string = try? value.decode(String.self) {
                text = string
            } else if let whole = try? value.decode(Int64.self) {
                text = "\(whole)"
            } else if let number = try? value.decode(Double.self) {
                text = "\(number)"
            } else if let flag = try? value.decode(Bool.self) {
                text = "\(flag)"
            } else {
                text = (try? value.decode([String].self))?.joined(separator: ",") ?? "..."
            }
        }
    }
}
