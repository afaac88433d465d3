// What a user registered: the wish, without any state. Written by POST /v1/services, kept by
// ServiceStore, read by the supervisor. Values here passed ServiceValidation.

/// When an ended program is started again.
package enum RestartPolicy: String, Sendable, CaseIterable {
    case never
    case onFailure = "on-failure"
    case always
}

/// A registered service.
package struct ServiceSpec: Sendable, Equatable {
    package var name: String
    /// Nil for a worker that listens nowhere.
    package var port: Int?
    /// `$SHELL -c` command; nil for an external service that somebody else runs.
    package var command: String?
    /// Absolute directory of the command; nil: the owner's home.
    package var directory: String?
    /// Starts with `@`.
    package var group: String?
    /// URL that answers 2xx when the service is ready.
    package var ready: String?
    package var environment: [String: String] = [:]
    package var dependsOn: [String] = []
    package var restart = RestartPolicy.onFailure

    package init(name: String) { self.name = name }

    /// What clients call; nil for a worker.
    package var url: String? { port.map { "http://localhost:\($0)" } }

    /// What its next start goes by.
    var plan: ServiceMachine.Plan { ServiceMachine.Plan(restart: restart) }
}
