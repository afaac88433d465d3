// What programs get of the daemon's own environment: an allow-list, so that what somebody exported
// in the shell that started the daemon (tokens above all) does not reach every service.

import NetCore

/// The part of the environment that is passed on.
enum InheritedEnvironment {
    private static let names: Set<String> = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
        "COLORTERM", "DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK",
        "EDITOR", "PAGER", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY",
        "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "JAVA_HOME", "GOPATH", "GOROOT", "CARGO_HOME",
        "RUSTUP_HOME", "NVM_DIR", "PYENV_ROOT", "VIRTUAL_ENV", "CONDA_PREFIX", "DOCKER_HOST",
    ]
    private static let prefixes = ["LC_", "XDG_"]

    /// The variables of `all` that programs may see.
    static func filter(_ all: [String: String]) -> [String: String] {
        all.filter { name, _ in
            names.contains(name) || prefixes.contains { name.hasPrefix($0) }
        }
    }
}
