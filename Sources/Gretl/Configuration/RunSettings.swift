// The table [runs] of config.toml as far as it is about programs: their jail, their environment,
// and what is kept of their output. Checked by ConfigurationReader; documented in
// docs/operations.md.

/// How the programs of runs are confined.
package struct RunSettings: Sendable, Equatable {
    /// What a run gets that does not say otherwise.
    package var confinement = Confinement()
    /// Folders that programs may write to beside the run's own: absolute, or below the home folder
    /// (`~/`). Those that are not there are passed over.
    package var caches = RunSettings.commonCaches
    /// What programs shall not see: absolute, or below the home folder. What config.toml lists is
    /// added to the common ones.
    package var secrets = RunSettings.commonSecrets
    /// Further variables of programs: names are taken from the daemon's environment, `NAME=VALUE`
    /// as it stands.
    package var environment = RunSettings.commonVariables
    /// Words at which a command is refused. A tripwire, not a boundary: the jail is that.
    package var blockedCommands: [String] = []
    /// Bytes of a program's output that a model gets.
    package var outputBytes = 8_000
    /// Programs of all runs at a time.
    package var programs = 8
    /// Address space of each process in MiB; 0: no bound.
    package var memoryMiB = 0

    package init() {}

    package static let commonCaches = [
        "~/.cache/go-build", "~/.cache/pip", "~/.cache/uv", "~/.cache/yarn", "~/.cargo/git",
        "~/.cargo/registry", "~/.npm", "~/go/pkg",
    ]

    package static let commonSecrets = [
        "~/.1password", "~/.age", "~/.anthropic", "~/.aws", "~/.azure", "~/.bash_history",
        "~/.boto", "~/.cargo/credentials", "~/.cargo/credentials.toml", "~/.claude",
        "~/.claude.json", "~/.codex", "~/.config/chromium", "~/.config/containers",
        "~/.config/doctl", "~/.config/gcloud", "~/.config/gh", "~/.config/git/credentials",
        "~/.config/google-chrome", "~/.config/hub", "~/.config/op", "~/.config/rclone",
        "~/.config/sops", "~/.databrickscfg", "~/.dbus", "~/.docker", "~/.fly",
        "~/.gem/credentials",
        "~/.gemini", "~/.git-credentials", "~/.gnupg", "~/.ICEauthority", "~/.kube",
        "~/.local/share/keyrings", "~/.minikube", "~/.mozilla", "~/.my.cnf", "~/.mysql_history",
        "~/.netrc", "~/.npmrc", "~/.oci", "~/.openai", "~/.password-store", "~/.pgpass",
        "~/.psql_history", "~/.pypirc", "~/.python_history", "~/.s3cfg", "~/.ssh",
        "~/.terraform.d", "~/.thunderbird", "~/.vault-token", "~/.Xauthority", "~/.zsh_history",
        "/etc/gshadow", "/etc/gshadow-", "/etc/shadow", "/etc/shadow-", "/etc/ssl/private",
        "/etc/sudoers", "/etc/sudoers.d",
    ]

    package static let commonVariables = [
        "CARGO_HOME", "GOPATH", "GOROOT", "JAVA_HOME", "NVM_DIR", "PYENV_ROOT", "RUSTUP_HOME",
    ]

    /// Whether a variable of that name is a key to something: none of these reaches a program by
    /// its name alone.
    static func isKey(_ name: String) -> Bool {
        let upper = name.uppercased()
        return upper.hasSuffix("_KEY") || upper.hasSuffix("TOKEN") || upper.contains("SECRET")
            || upper.contains("PASSWORD") || upper.hasSuffix("CREDENTIALS")
    }
}
