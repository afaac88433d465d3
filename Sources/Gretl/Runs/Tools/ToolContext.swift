// Where and how the tools and goal checks of one run work: its folder, its jail, and the word to
// stop. Made by the engine for each run.

package import NetCore

/// The surroundings of a tool call or a goal check.
@ReactorActor
package struct ToolContext {
    /// The run's folder: absolute, symbolic links resolved, checked when the run was made.
    package let folder: String
    package let confinement: Confinement
    package let cancellation: Cancellation
    /// The run's id: its programs carry it, so that a later daemon finds what is left of them.
    package let run: String

    package init(
        folder: String, confinement: Confinement, cancellation: Cancellation, run: String = ""
    ) {
        self.run = run
        self.folder = folder
        self.confinement = confinement
        self.cancellation = cancellation
    }
}

/// How the programs of a run are confined, as GET /api/runs/{id} reports it.
package struct Confinement: Sendable, Equatable {
    /// False only when the request or the configuration says so: `sandbox = "off"`.
    package var isSandboxed = true
    /// Whether programs reach the network: `network = "on"`.
    package var hasNetwork = false

    package init(isSandboxed: Bool = true, hasNetwork: Bool = false) {
        self.isSandboxed = isSandboxed
        self.hasNetwork = hasNetwork
    }
}
