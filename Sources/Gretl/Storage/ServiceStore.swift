// The registered services, on disk. Written by the routes before they answer, read once at start.

import FoundationEssentials
package import NetCore

/// Saves and loads service specs.
@ReactorActor
package final class ServiceStore {
    /// A row: the spec, and what the store knows beside it.
    package struct Record: Sendable, Equatable {
        package var spec: ServiceSpec
        /// Milliseconds since 1970.
        package var createdAt: Int64
        package var updatedAt: Int64
    }

    private let database: Database
    private let time: any TimeSource

    package init(_ database: Database, time: any TimeSource = SystemTime.shared) {
        self.database = database
        self.time = time
    }

    /// Inserts or replaces the spec of that name; durable on return.
    package func save(_ spec: ServiceSpec) async throws(StorageError) {
        let now = time.wallNanoseconds() / 1_000_000
        let environment = try Self.json(spec.environment)
        let dependsOn = try Self.json(spec.dependsOn)
        let restartWith = try Self.json(spec.restartWith)
        let values: [SQLiteValue] = [
            .text(spec.name), .integer(orNull: spec.port), .text(orNull: spec.command),
            .text(orNull: spec.directory), .text(orNull: spec.group), .text(orNull: spec.ready),
            .text(environment), .text(dependsOn), .text(spec.restart.rawValue),
            .text(orNull: spec.root), .integer(now), .text(spec.startMode.rawValue),
            .integer(spec.listen ? 1 : 0), .integer(spec.autostart ? 1 : 0),
            .integer(spec.tty ? 1 : 0), .text(orNull: spec.stopSignal),
            .text(orNull: spec.logFile), .text(restartWith),
        ]
        try await database.write { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO services(name, port, command, directory, service_group, ready,
                    environment, depends_on, restart, root, created_at, updated_at, start_mode,
                    listen, autostart, tty, stop_signal, log_file, restart_with)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13, ?14, ?15, ?16,
                    ?17, ?18)
                ON CONFLICT(name) DO UPDATE SET port = excluded.port, command = excluded.command,
                    directory = excluded.directory, service_group = excluded.service_group,
                    ready = excluded.ready, environment = excluded.environment,
                    depends_on = excluded.depends_on, restart = excluded.restart,
                    root = excluded.root, updated_at = excluded.updated_at,
                    start_mode = excluded.start_mode, listen = excluded.listen,
                    autostart = excluded.autostart, tty = excluded.tty,
                    stop_signal = excluded.stop_signal, log_file = excluded.log_file,
                    restart_with = excluded.restart_with
                """, values)
        }
    }

    /// Forgets the service; true when there was one. Durable on return.
    @discardableResult
    package func remove(_ name: String) async throws(StorageError) -> Bool {
        try await database.write { connection throws(SQLiteError) in
            try connection.run("DELETE FROM services WHERE name = ?1", [.text(name)])
            return connection.changes > 0
        }
    }

    /// Every spec, sorted by name.
    package func all() async throws(StorageError) -> [ServiceSpec] {
        try await records().map(\.spec)
    }

    /// Every row, sorted by name (by its bytes).
    package func records() async throws(StorageError) -> [Record] {
        try await database.read { connection throws(SQLiteError) in try Self.read(connection) }
    }

    /// Every row, for who has a connection of its own.
    nonisolated static func read(_ connection: SQLiteConnection) throws(SQLiteError) -> [Record] {
        try connection.rows(
            """
            SELECT name, port, command, directory, service_group, ready, environment,
                depends_on, restart, root, created_at, updated_at, start_mode, listen,
                autostart, tty, stop_signal, log_file, restart_with
            FROM services ORDER BY name
            """
        ) { row throws(SQLiteError) in try Self.record(row) }
    }

    private nonisolated static func record(_ row: SQLiteRow) throws(SQLiteError) -> Record {
        var spec = ServiceSpec(name: row.text(0) ?? "")
        spec.port = row.integer(1).flatMap { Int(exactly: $0) }
        spec.command = row.text(2)
        spec.directory = row.text(3)
        spec.group = row.text(4)
        spec.ready = row.text(5)
        // Most rows have none of them, and a decoder costs microseconds at every start.
        let variables = row.text(6)
        let names = row.text(7)
        let others = row.text(18)
        guard let environment = variables == "{}" ? [:] : decode([String: String].self, variables),
            let dependsOn = names == "[]" ? [] : decode([String].self, names),
            let restartWith = others == "[]" ? [] : decode([String].self, others),
            let restart = RestartPolicy(rawValue: row.text(8) ?? ""),
            let startMode = StartMode(rawValue: row.text(12) ?? "")
        else {
            throw SQLiteConnection.unreadable("the row of service \"\(spec.name)\"")
        }
        spec.environment = environment
        spec.dependsOn = dependsOn
        spec.restartWith = restartWith
        spec.restart = restart
        spec.startMode = startMode
        spec.listen = row.integer(13) == 1
        spec.autostart = row.integer(14) == 1
        spec.tty = row.integer(15) == 1
        spec.stopSignal = row.text(16)
        spec.logFile = row.text(17)
        spec.root = row.text(9)
        return Record(
            spec: spec, createdAt: row.integer(10) ?? 0,
            updatedAt: row.integer(11) ?? 0)
    }

    private static func json(_ value: some Encodable) throws(StorageError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw .other("cannot encode: \(error)")
        }
    }

    private nonisolated static func decode<Value: Decodable>(
        _ type: Value.Type, _ text: String?
    ) -> Value? {
        guard let text else { return nil }
        return try? JSONDecoder().decode(type, from: Data(text.utf8))
    }
}
