// An API server for the tests of registration: a Python program on plain HTTP, as `kubectl proxy`
// is one, or with TLS. Says what it is told to say and keeps what it was asked. For more than that
// there is the fake cluster.

import Glibc
import TestSupport
import Testing

/// What answers at `url`.
final class InventedServer {
    private let folder = TemporaryFolder()
    private let pid: Int32
    private let pidfd: Int32
    let port: UInt16
    private let scheme: String
    var url: String { "\(scheme)://127.0.0.1:\(port)" }
    /// With TLS: the certificate that is its own authority.
    var certificate: String { TextFile.read(folder.file("own.crt")) ?? "" }
    /// `METHOD PATH AUTHORIZATION`, one a line.
    var requests: String { TextFile.read(folder.file("requests")) ?? "" }

    /// `denied` are verbs; `token`, when there is one, is asked for.
    init(
        denied: [String] = [], token: String = "", version: String = "v1.33.1",
        speaksTLS: Bool = false
    ) throws {
        scheme = speaksTLS ? "https" : "http"
        if speaksTLS {
            let made = try Program.run(
                [
                    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=own",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "own.key", "-out",
                    "own.crt",
                ], directory: folder.path)
            #expect(made.exit == 0, "\(made.errors)")
        }
        let script = """
            import http.server, json, os, ssl, sys
            folder, denied, token, version = sys.argv[1:5]
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = 'HTTP/1.1'
                def reply(self, status, body):
                    text = json.dumps(body).encode()
                    self.send_response(status)
                    self.send_header('Content-Length', str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                def note(self):
                    given = self.headers.get('authorization', '-')
                    with open(folder + '/requests', 'a') as file:
                        file.write(f'{self.command} {self.path} {given}\\n')
                    wanted = token
                    if os.path.exists(folder + '/wanted'):
                        wanted = open(folder + '/wanted').read()
                    if wanted and given != wanted:
                        self.reply(401, {'message': 'Unauthorized', 'reason': 'Unauthorized'})
                        return False
                    return True
                def do_GET(self):
                    if not self.note(): return
                    if self.path == '/version': self.reply(200, {'gitVersion': version})
                    else: self.reply(200, {'metadata': {'resourceVersion': '1'}, 'items': []})
                def do_POST(self):
                    body = json.loads(self.rfile.read(int(self.headers['content-length'])))
                    if not self.note(): return
                    verb = body['spec']['resourceAttributes']['verb']
                    self.reply(201, {'status': {'allowed': verb not in denied.split(',')}})
                def log_message(self, *words): pass
            server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
            server.daemon_threads = True
            if os.path.exists(folder + '/own.crt'):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(folder + '/own.crt', folder + '/own.key')
                server.socket = context.wrap_socket(server.socket, server_side=True)
            with open(folder + '/port.new', 'w') as file: file.write(str(server.server_port))
            os.rename(folder + '/port.new', folder + '/port')
            server.serve_forever()
            """
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        let path = folder.file("server.py")
        TemporaryFolder.write(script, to: path, mode: 0o600)
        (pid, pidfd) = try DaemonProcess.spawn(
            "/usr/bin/env",
            ["env", "python3", path, folder.path, denied.joined(separator: ","), token, version],
            ["PATH=/usr/local/bin:/usr/bin:/bin"], [null, null, null])
        let file = folder.file("port")
        _ = eventually { TextFile.read(file) != nil }
        port = UInt16(TextFile.read(file) ?? "") ?? 0
    }

    /// From now on it takes this value of Authorization only.
    func want(_ authorization: String) {
        TemporaryFolder.write(authorization, to: folder.file("wanted.new"), mode: 0o600)
        _ = unsafe rename(folder.file("wanted.new"), folder.file("wanted"))
    }

    deinit {
        for pid in ProcessTable.descendants(of: [pid]).union([pid]) { ProcessTable.end(pid) }
        var status: Int32 = 0
        _ = unsafe waitpid(pid, &status, 0)
        close(pidfd)
    }

    /// A kubeconfig for it; `user` are the members of the user.
    func kubeconfig(user: String = "token: canary-kube-41c7") -> String {
        """
        kind: Config
        current-context: here
        contexts: [{name: here, context: {cluster: c, user: u, namespace: apps}}]
        clusters: [{name: c, cluster: {server: "\(url)"}}]
        users: [{name: u, user: {\(user)}}]
        """
    }
}
