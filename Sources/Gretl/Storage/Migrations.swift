// The schema, as the steps that led to it. Forward only: a step that was released is never changed,
// a new one is added below. Read by DatabaseFile when it opens the file.

/// One step, from the version before to `version`.
package struct Migration: Sendable {
    package let version: Int64
    package let sql: String

    package init(version: Int64, sql: String) {
        self.version = version
        self.sql = sql
    }
}

/// All steps, oldest first.
package enum Migrations {
    package static let all: [Migration] = [
        Migration(
            version: 1,
            sql: """
                CREATE TABLE services(
                    name TEXT PRIMARY KEY NOT NULL,
                    port INTEGER CHECK (port BETWEEN 1 AND 65535),
                    command TEXT,
                    directory TEXT,
                    service_group TEXT,
                    ready TEXT,
                    environment TEXT NOT NULL,
                    depends_on TEXT NOT NULL,
                    restart TEXT NOT NULL CHECK (restart IN ('never', 'on-failure', 'always')),
                    root TEXT,
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL
                ) STRICT;
                CREATE TABLE exits(
                    name TEXT PRIMARY KEY NOT NULL REFERENCES services(name) ON DELETE CASCADE,
                    code INTEGER,
                    signal INTEGER,
                    requested INTEGER NOT NULL,
                    forced INTEGER NOT NULL,
                    ended_at INTEGER NOT NULL,
                    CHECK (code IS NOT NULL OR signal IS NOT NULL)
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE meta(
                    key TEXT PRIMARY KEY NOT NULL,
                    value TEXT NOT NULL
                ) STRICT, WITHOUT ROWID;
                """),
        // How programs live. An end nobody saw has neither code nor signal; `state` is where it
        // left the service.
        Migration(
            version: 2,
            sql: """
                ALTER TABLE services ADD COLUMN start_mode TEXT NOT NULL DEFAULT 'manual'
                    CHECK (start_mode IN ('manual', 'on-demand'));
                ALTER TABLE services ADD COLUMN listen INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE services ADD COLUMN autostart INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE services ADD COLUMN tty INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE services ADD COLUMN stop_signal TEXT;
                ALTER TABLE services ADD COLUMN log_file TEXT;
                CREATE TABLE ends(
                    name TEXT PRIMARY KEY NOT NULL REFERENCES services(name) ON DELETE CASCADE,
                    code INTEGER,
                    signal INTEGER,
                    requested INTEGER NOT NULL,
                    forced INTEGER NOT NULL,
                    ended_at INTEGER NOT NULL,
                    state TEXT NOT NULL CHECK (state IN ('stopped', 'failed', 'backoff'))
                ) STRICT, WITHOUT ROWID;
                INSERT INTO ends SELECT name, code, signal, requested, forced, ended_at,
                    iif(requested OR code = 0 OR signal = 15, 'stopped', 'failed') FROM exits;
                DROP TABLE exits;
                """),
        // Processes that were running already when a service was given them.
        Migration(
            version: 3,
            sql: """
                CREATE TABLE adoptions(
                    name TEXT PRIMARY KEY NOT NULL REFERENCES services(name) ON DELETE CASCADE,
                    pid INTEGER NOT NULL,
                    start_time INTEGER NOT NULL,
                    boot TEXT NOT NULL
                ) STRICT, WITHOUT ROWID;
                """),
        // With whose restart a service is restarted.
        Migration(
            version: 4,
            sql: """
                ALTER TABLE services ADD COLUMN restart_with TEXT NOT NULL DEFAULT '[]';
                """),
        // Clusters, their workloads, and the tethers to them. Replicas and settings are a second
        // witness beside the workload's annotations; the credentials are why the file is 0600.
        Migration(
            version: 5,
            sql: """
                CREATE TABLE clusters(
                    id TEXT PRIMARY KEY NOT NULL,
                    name TEXT NOT NULL UNIQUE,
                    provider TEXT NOT NULL,
                    in_cluster INTEGER NOT NULL,
                    access TEXT NOT NULL,
                    created_at INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE workloads(
                    id TEXT PRIMARY KEY NOT NULL,
                    cluster TEXT NOT NULL REFERENCES clusters(id) ON DELETE CASCADE,
                    uid TEXT NOT NULL,
                    namespace TEXT NOT NULL,
                    name TEXT NOT NULL,
                    kind TEXT NOT NULL CHECK (kind IN ('Deployment', 'StatefulSet')),
                    replicas INTEGER NOT NULL,
                    desired INTEGER,
                    desired_at INTEGER,
                    auto_sleep INTEGER NOT NULL,
                    idle_minutes INTEGER NOT NULL,
                    settings_at INTEGER,
                    activity_at INTEGER
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX workloads_by_cluster ON workloads(cluster);
                CREATE TABLE tethers(
                    id TEXT PRIMARY KEY NOT NULL,
                    workload TEXT NOT NULL,
                    container_port INTEGER NOT NULL CHECK (container_port BETWEEN 1 AND 65535),
                    label TEXT,
                    local_port INTEGER NOT NULL CHECK (local_port BETWEEN 1 AND 65535),
                    active INTEGER NOT NULL,
                    created_at INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX tethers_by_workload ON tethers(workload);
                """),
        // Runs: how far each is (JSON), what was said between engine and model, and every event as
        // its subscribers got it. `number` is the order of their making.
        Migration(
            version: 6,
            sql: """
                CREATE TABLE runs(
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    status TEXT NOT NULL
                        CHECK (status IN ('pending', 'running', 'achieved', 'failed', 'aborted')),
                    record TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    finished_at INTEGER
                ) STRICT;
                CREATE TABLE run_pieces(
                    run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
                    number INTEGER NOT NULL,
                    body TEXT NOT NULL,
                    PRIMARY KEY (run, number)
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE run_events(
                    run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
                    seq INTEGER NOT NULL,
                    kind TEXT NOT NULL,
                    body BLOB NOT NULL,
                    PRIMARY KEY (run, seq)
                ) STRICT, WITHOUT ROWID;
                """),
    ]
}
