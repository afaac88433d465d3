// Runs on disk. A step of a run is one transaction: its record, what was said, and its events, all
// or nothing, before anybody is told. Encoding happens on the storage thread: what tools say can be
// long.

import FoundationEssentials
package import NetCore

/// Saves and loads runs.
@ReactorActor
package final class RunStore {
    /// A row.
    package struct Row: Sendable, Equatable {
        package var id: String
        package var record: RunRecord
    }

    /// What one step changes.
    package struct Change: Sendable {
        package var id: String
        package var record: RunRecord
        /// The number of the first piece, from 0.
        package var firstPiece: Int
        package var pieces: [RunPiece]
        package var events: [RunEvent]
    }

    private let database: Database

    package init(_ database: Database) { self.database = database }

    // MARK: Writing

    /// Adds a run; durable on return.
    package func add(_ row: Row) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                "INSERT INTO runs(id, status, record, created_at) VALUES (?1, ?2, ?3, ?4)",
                [
                    .text(row.id), .text(row.record.status.rawValue),
                    .text(try RunStore.text(row.record)), .integer(row.record.createdAt),
                ])
        }
    }

    /// Saves a step; durable on return.
    package func commit(_ change: Change) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                "UPDATE runs SET status = ?2, record = ?3, finished_at = ?4 WHERE id = ?1",
                [
                    .text(change.id), .text(change.record.status.rawValue),
                    .text(try RunStore.text(change.record)),
                    .integer(orNull: change.record.finishedAt),
                ])
            for (index, piece) in change.pieces.enumerated() {
                try connection.run(
                    "INSERT INTO run_pieces(run, number, body) VALUES (?1, ?2, ?3)",
                    [
                        .text(change.id), .integer(Int64(change.firstPiece + index)),
                        .text(try RunStore.text(StoredPiece(piece))),
                    ])
            }
            try RunStore.add(change.events, to: change.id, connection)
        }
    }

    /// Changes the record as it is stored, whatever step is under way, and adds events.
    package func amend(
        _ id: String, _ events: [RunEvent], _ change: @escaping @Sendable (inout RunRecord) -> Void
    ) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            let stored = try connection.row("SELECT record FROM runs WHERE id = ?1", [.text(id)]) {
                row throws(SQLiteError) in
                try RunStore.value(RunRecord.self, row.text(0) ?? "")
            }
            guard var record = stored else { return }
            change(&record)
            try connection.run(
                "UPDATE runs SET record = ?2 WHERE id = ?1",
                [.text(id), .text(try RunStore.text(record))])
            try RunStore.add(events, to: id, connection)
        }
    }

    private nonisolated static func add(
        _ events: [RunEvent], to id: String, _ connection: SQLiteConnection
    ) throws(SQLiteError) {
        for event in events {
            try connection.run(
                "INSERT INTO run_events(run, seq, kind, body) VALUES (?1, ?2, ?3, ?4)",
                [
                    .text(id), .integer(event.seq), .text(event.kind.rawValue), .blob(event.body),
                ])
        }
    }

    /// Forgets a run and everything of it; durable on return.
    package func remove(_ id: String) async throws(StorageError) {
        try await database.write { connection throws(SQLiteError) in
            try connection.run("DELETE FROM runs WHERE id = ?1", [.text(id)])
        }
    }

    /// Forgets finished runs that ended before `time` (milliseconds since 1970) or are beyond the
    /// newest `most`, a bounded number at a time. Gives their ids.
    package func prune(
        before time: Int64, keeping most: Int
    ) async throws(StorageError) -> [String] {
        try await database.write { connection throws(SQLiteError) in
            let ids = try connection.rows(
                """
                SELECT id FROM runs WHERE finished_at IS NOT NULL AND (finished_at < ?1
                    OR number NOT IN (SELECT number FROM runs WHERE finished_at IS NOT NULL
                        ORDER BY number DESC LIMIT ?2))
                ORDER BY number LIMIT 100
                """, [.integer(time), .integer(Int64(most))]
            ) { row in row.text(0) ?? "" }
            for id in ids { try connection.run("DELETE FROM runs WHERE id = ?1", [.text(id)]) }
            return ids
        }
    }

    // MARK: Reading

    /// All runs, oldest first.
    package func all() async throws(StorageError) -> [Row] {
        try await database.read { connection throws(SQLiteError) in
            try connection.rows("SELECT id, record FROM runs ORDER BY number") {
                row throws(SQLiteError) in
                Row(
                    id: row.text(0) ?? "",
                    record: try RunStore.value(RunRecord.self, row.text(1) ?? ""))
            }
        }
    }

    /// What was said in a run.
    package func pieces(of id: String) async throws(StorageError) -> [RunPiece] {
        try await database.read { connection throws(SQLiteError) in
            try connection.rows(
                "SELECT body FROM run_pieces WHERE run = ?1 ORDER BY number", [.text(id)]
            ) { row throws(SQLiteError) in
                try RunStore.value(StoredPiece.self, row.text(0) ?? "").piece
            }
        }
    }

    /// Events behind `seq`, at most `most` and about `bytes`, at least one if there is any.
    package func events(
        of id: String, after seq: Int64, most: Int, bytes: Int = 256 << 10
    ) async throws(StorageError) -> [RunEvent] {
        try await database.read { connection throws(SQLiteError) in
            var total = 0
            let rows = try connection.rows(
                """
                SELECT seq, kind, body FROM run_events WHERE run = ?1 AND seq > ?2
                ORDER BY seq LIMIT ?3
                """, [.text(id), .integer(seq), .integer(Int64(most))]
            ) { row in
                RunEvent(
                    seq: row.integer(0) ?? 0,
                    kind: RunEvent.Kind(rawValue: row.text(1) ?? "")
                        ?? .log, body: row.blob(2) ?? [])
            }
            return Array(
                rows.prefix { event in
                    defer { total += event.body.count }
                    return total == 0 || total + event.body.count <= bytes
                })
        }
    }

    // MARK: JSON

    private nonisolated static func text(_ value: some Encodable) throws(SQLiteError) -> String {
        guard let data = try? JSONEncoder().encode(value) else {
            throw SQLiteError(.other, code: 0, "a run cannot be written")
        }
        return String(decoding: data, as: UTF8.self)
    }

    private nonisolated static func value<Value: Decodable>(
        _ type: Value.Type, _ text: String
    ) throws(SQLiteError) -> Value {
        guard let value = try? JSONDecoder().decode(type, from: Data(text.utf8)) else {
            throw SQLiteConnection.unreadable("a run cannot be read")
        }
        return value
    }
}

/// A piece as it is stored. Arguments of calls are kept as the model wrote them.
private struct StoredPiece: Codable {
    struct Call: Codable {
        var id: String
        var name: String
        var text: String
    }

    var system: String?
    var user: String?
    var assistant: String?
    var calls: [Call]?
    var callID: String?
    var result: String?
    var isError: Bool?

    init(_ piece: RunPiece) {
        switch piece {
        case .system(let text): system = text
        case .user(let text): user = text
        case .assistant(let message):
            assistant = message.text
            calls = message.calls.map { Call(id: $0.id, name: $0.name, text: $0.text) }
        case .result(let result):
            callID = result.callID
            self.result = result.content
            isError = result.isError
        }
    }

    var piece: RunPiece {
        if let assistant {
            let calls = (calls ?? []).map { call in
                ToolCall(
                    id: call.id, name: call.name, text: call.text,
                    arguments: call.text.isEmpty
                        ? [:] : try? JSONValue.object(Array(call.text.utf8)))
            }
            return .assistant(AssistantMessage(text: assistant, calls: calls))
        }
        if let callID {
            return .result(
                ToolResult(callID: callID, content: result ?? "", isError: isError ?? false))
        }
        if let system { return .system(system) }
        return .user(user ?? "")
    }
}
