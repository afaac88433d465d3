// The version of this program, said by `gr version`, GET /health and the User-Agent of the client.
// It is a constant of the source, so that a build without a repository knows it too; it must never
// be read from a file or the environment.

/// What this build calls itself.
package enum Version {
    /// Semantic version without a leading v.
    package static let text = "0.1.0"
}
