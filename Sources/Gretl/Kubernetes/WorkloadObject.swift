// One workload as the API server shows it in full, read right before a decision: what the streamed
// lists leave out because it is needed here only. A value made of the decoded object.

import NetCore

/// A Deployment or StatefulSet in full.
package struct WorkloadObject: Sendable {
    package let record: WorkloadRecord
    private let value: JSONValue

    /// Nil when it is no workload with a name and a uid.
    init?(_ body: [UInt8], _ value: JSONValue) {
        guard let record = WorkloadObject.record(body) else { return nil }
        self.record = record
        self.value = value
    }

    /// What is kept of an object.
    static func record(_ body: [UInt8]) -> WorkloadRecord? {
        var reader = WorkloadReader(.object)
        guard reader.feed(body.span), reader.isWhole else { return nil }
        return reader.takeRecords().first
    }

    /// Scaling a StatefulSet down deletes its volumes.
    package var deletesVolumes: Bool {
        value["spec", "persistentVolumeClaimRetentionPolicy", "whenScaled"]?.text == "Delete"
    }

    /// The labels of its pods.
    package var podLabels: [String: String] {
        let labels = value["spec", "template", "metadata", "labels"]?.members ?? [:]
        return labels.compactMapValues(\.text)
    }

    /// What selects its pods, as the value of `labelSelector`; nil: nothing that can be said so.
    package var podSelector: String? {
        let selector = value["spec", "selector"]
        let labels = selector?["matchLabels"]?.members ?? [:]
        var terms = labels.compactMap { name, value in value.text.map { "\(name)=\($0)" } }
        for expression in selector?["matchExpressions"]?.elements ?? [] {
            guard let key = expression["key"]?.text, let word = expression["operator"]?.text else {
                return nil
            }
            let values = (expression["values"]?.elements ?? []).compactMap(\.text)
            switch word {
            case "In": terms.append("\(key) in (\(values.joined(separator: ",")))")
            case "NotIn": terms.append("\(key) notin (\(values.joined(separator: ",")))")
            case "Exists": terms.append(key)
            case "DoesNotExist": terms.append("!\(key)")
            default: return nil
            }
        }
        return terms.isEmpty ? nil : terms.sorted().joined(separator: ",")
    }

    /// Who else says how many replicas there are, by the fields each manager owns; the latest one.
    package var otherScaler: String? {
        let managers = value["metadata", "managedFields"]?.elements ?? []
        let scalers = managers.filter { entry in
            entry["fieldsV1", "f:spec", "f:replicas"] != nil
                && entry["manager"]?.text.map { $0 != "gretl" } ?? false
        }
        let latest = scalers.max { ($0["time"]?.text ?? "") < ($1["time"]?.text ?? "") }
        return latest?["manager"]?.text.map { ClusterFailure.clean($0, most: 128) }
    }
}

extension Workloads {
    /// Reads a workload anew; throws `unknown_workload` when it is gone or another by now.
    func look(_ workload: Workload) async throws(ClusterFailure) -> WorkloadObject {
        guard let client = client(of: workload.cluster) else { throw .cancelled }
        let body: [UInt8]
        do throws(ClusterFailure) {
            body = try await client.send(ClusterRequest("GET", workload.target))
        } catch {
            if error.isNotFound { gone(workload) }
            throw error
        }
        guard let object = WorkloadObject(body, try await client.decode(body)) else {
            throw .nonsense("'\(workload.title)' is no \(workload.kind.rawValue)")
        }
        guard object.record.uid == workload.uid else {
            // Deleted and made anew under its name.
            gone(workload)
            throw .refused(status: 404, reason: "NotFound", message: "it was made anew")
        }
        return object
    }

    /// Takes in the answer to a change of ours.
    func takeAnswer(_ body: [UInt8], of workload: Workload) {
        guard let record = WorkloadObject.record(body), record.uid == workload.uid,
            let feed = feed(of: workload.cluster)
        else { return }
        _ = take(record, workload.kind, feed, from: .answer)
    }

    /// What a client gets for `failure`.
    func answer(_ failure: ClusterFailure, _ what: String, _ workload: Workload) -> APIError {
        if failure.isNotFound, find(workload.id) == nil { return Workloads.unknown(workload.id) }
        return failure.answer(what, workload.cluster)
    }
}
