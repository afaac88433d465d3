// The workloads on disk: the second witness of what they come back to and of their settings, and
// what a list shows right after a start. Written in batches behind what is seen, and before a
// workload is put to sleep.

package import NetCore

/// Saves and loads workloads.
@ReactorActor
package final class WorkloadStore {
    /// A row.
    package struct Row: Sendable, Equatable {
        package var id: String
        package var cluster: String
        package var uid: String
        package var namespace: String
        package var name: String
        package var kind: Workload.Kind
        package var replicas: Int
        package var kept: KeptWorkload
        /// Milliseconds since 1970.
        package var activityAt: Int64?
    }

    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// Inserts or replaces; those of a cluster that is gone are left out. Durable on return.
    package func save(_ rows: [Row]) async throws(StorageError) {
        guard !rows.isEmpty else { return }
        try await database.write { connection throws(SQLiteError) in
            for row in rows { try WorkloadStore.save(row, connection) }
        }
    }

    private nonisolated static func save(
        _ row: Row, _ connection: SQLiteConnection
    ) throws(SQLiteError) {
        let settings = row.kept.settings
        try connection.run(
            """
            INSERT OR REPLACE INTO workloads(id, cluster, uid, namespace, name, kind, replicas,
                desired, desired_at, auto_sleep, idle_minutes, settings_at, activity_at)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13
            WHERE EXISTS (SELECT 1 FROM clusters WHERE id = ?2)
            """,
            [
                .text(row.id), .text(row.cluster), .text(row.uid), .text(row.namespace),
                .text(row.name), .text(row.kind.rawValue), .integer(Int64(row.replicas)),
                .integer(orNull: row.kept.desired), .integer(row.kept.desiredAt),
                .integer(settings?.isEnabled == true ? 1 : 0),
                .integer(Int64(settings?.idleMinutes ?? AutoSleepSettings.defaultMinutes)),
                .integer(orNull: settings?.changedAt), .integer(orNull: row.activityAt),
            ])
    }

    /// Forgets workloads; durable on return.
    package func remove(_ ids: [String]) async throws(StorageError) {
        guard !ids.isEmpty else { return }
        try await database.write { connection throws(SQLiteError) in
            for id in ids {
                try connection.run("DELETE FROM workloads WHERE id = ?1", [.text(id)])
            }
        }
    }

    /// Every row.
    package func all() async throws(StorageError) -> [Row] {
        try await database.read { connection throws(SQLiteError) in
            try connection.rows(
                """
                SELECT id, cluster, uid, namespace, name, kind, replicas, desired, desired_at,
                    auto_sleep, idle_minutes, settings_at, activity_at
                FROM workloads
                """
            ) { row throws(SQLiteError) in try WorkloadStore.row(row) }
        }
    }

    private nonisolated static func row(_ row: SQLiteRow) throws(SQLiteError) -> Row {
        let id = row.text(0) ?? ""
        guard let kind = Workload.Kind(rawValue: row.text(5) ?? "") else {
            throw SQLiteConnection.unreadable("the row of workload '\(id)'")
        }
        var kept = KeptWorkload()
        kept.desired = count(row.integer(7))
        kept.desiredAt = row.integer(8) ?? 0
        if let changedAt = row.integer(11) {
            kept.settings = AutoSleepSettings(
                isEnabled: row.integer(9) == 1,
                idleMinutes: count(row.integer(10)) ?? AutoSleepSettings.defaultMinutes,
                changedAt: changedAt)
        }
        return Row(
            id: id, cluster: row.text(1) ?? "", uid: row.text(2) ?? "",
            namespace: row.text(3) ?? "", name: row.text(4) ?? "", kind: kind,
            replicas: count(row.integer(6)) ?? 0, kept: kept, activityAt: row.integer(12))
    }

    /// A number of replicas or minutes; nil: nobody wrote that.
    private nonisolated static func count(_ value: Int64?) -> Int? {
        value.flatMap { (0...Int64(Int32.max)).contains($0) ? Int($0) : nil }
    }
}
