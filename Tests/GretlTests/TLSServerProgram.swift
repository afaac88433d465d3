// A TLS server that is not ours, for tests of HTTPSClient: Python's, with certificates made by
// openssl in a folder of the test. It answers by path, as its script says; ended by pid.

import CEpoll
import Glibc
import TestSupport

/// A server with its certificates: authorities "ca" and "other"; "server" for localhost and
/// 127.0.0.1, "wrong" for elsewhere; "client" for us.
final class TLSServerProgram: Sendable {
    private let folder = TemporaryFolder()
    private let made: (pid: Int32, pidfd: Int32)
    /// TLS with the right certificate, with the wrong one, with ours required, and without TLS.
    let port: Int
    let wrongPort: Int
    let strictPort: Int
    let plainPort: Int

    struct Failed: Error { let why: String }

    init() throws {
        TemporaryFolder.write(TLSServerProgram.certificates, to: folder.file("make.sh"))
        let certificates = try Program.run(["/bin/sh", folder.file("make.sh"), folder.path])
        guard certificates.exit == 0 else { throw Failed(why: certificates.errors) }
        TemporaryFolder.write(TLSServerProgram.server, to: folder.file("server.py"))
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        made = try DaemonProcess.spawn(
            "/usr/bin/env", ["env", "python3", "-B", folder.file("server.py"), folder.path],
            ["PATH=/usr/local/bin:/usr/bin:/bin"], [null, null, null])
        var ports: [Int] = []
        for _ in 0..<1_000 where ports.count < 4 {
            usleep(10_000)
            let text = TextFile.read(folder.file("ready")) ?? ""
            guard text.hasSuffix("\n") else { continue }
            ports = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        }
        guard ports.count == 4 else { throw Failed(why: "the server does not listen") }
        (port, wrongPort, strictPort, plainPort) = (ports[0], ports[1], ports[2], ports[3])
    }

    deinit {
        _ = cepoll_pidfd_signal(made.pidfd, SIGKILL)
        _ = waitpid(made.pid, nil, 0)
        close(made.pidfd)
    }

    func text(_ name: String) -> String { TextFile.read(folder.file(name)) ?? "" }

    /// How many connections it took so far.
    var connections: Int { text("connections").utf8.count }

    private static let certificates = """
        set -e
        cd "$1"
        new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        for name in ca other; do
          openssl req -x509 $new -days 2 -keyout $name.key -subj "/CN=$name" -out $name.crt
        done
        make() {
          openssl req $new -keyout $1.key -subj "$2" -out $1.csr
          printf '%s\\n' "$3" > $1.ext
          openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile $1.ext -out $1.crt
        }
        make server /CN=server subjectAltName=DNS:localhost,DNS:api.test,IP:127.0.0.1
        make wrong /CN=wrong subjectAltName=DNS:elsewhere
        make client /O=team/CN=me extendedKeyUsage=clientAuth

        """

    private static let server = """
        import http.server, json, os, ssl, sys, threading, time
        os.chdir(sys.argv[1])
        lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *a): pass
            def setup(self):
                with lock:
                    with open("connections", "a") as f: f.write("x")
                super().setup()
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                path, _, query = self.path.partition("?")
                if path == "/slow":
                    self.send_response(200); self.send_header("Content-Length", "10")
                    self.end_headers(); self.wfile.write(b"12"); self.wfile.flush()
                    time.sleep(30); return
                if path == "/never": time.sleep(30); return
                if path == "/cut":
                    self.send_response(200); self.send_header("Content-Length", "100")
                    self.end_headers(); self.wfile.write(b"12"); self.close_connection = True
                    return
                if path == "/head":
                    self.send_response(200)
                    for n in range(2000): self.send_header("X-%d" % n, "y" * 100)
                    self.send_header("Content-Length", "0"); self.end_headers(); return
                if path == "/redirect":
                    self.send_response(302); self.send_header("Location", "/echo")
                    self.send_header("Content-Length", "0"); self.end_headers(); return
                if path == "/big":
                    self.send_response(200); self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    piece = bytes(range(256)) * 256
                    for n in range(int(query)):
                        self.wfile.write(b"10000\\r\\n" + piece + b"\\r\\n")
                    self.wfile.write(b"0\\r\\n\\r\\n"); return
                peer = {}
                if hasattr(self.connection, "getpeercert"):
                    peer = self.connection.getpeercert() or {}
                names = [v for rdn in peer.get("subject", ()) for k, v in rdn if k == "commonName"]
                said = json.dumps({"method": self.command, "path": self.path, "peer": names,
                    "headers": {k.lower(): v for k, v in self.headers.items()},
                    "body": body.decode()}).encode()
                self.send_response(int(query) if path == "/status" else 200)
                self.send_header("Content-Length", str(len(said)))
                self.send_header("Retry-After", "7")
                self.end_headers(); self.wfile.write(said)
            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def serve(name, verify):
            class Server(http.server.ThreadingHTTPServer):
                daemon_threads = True
                request_queue_size = 512
                def handle_error(self, *a): pass
                def get_request(self):
                    socket, address = super().get_request()
                    socket.settimeout(40)
                    return socket, address
            server = Server(("127.0.0.1", 0), Handler)
            if name:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(name + ".crt", name + ".key")
                context.load_verify_locations("ca.crt")
                context.verify_mode = verify
                server.socket = context.wrap_socket(
                    server.socket, server_side=True, do_handshake_on_connect=False)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return server.server_address[1]

        ports = [serve("server", ssl.CERT_OPTIONAL), serve("wrong", ssl.CERT_NONE),
            serve("server", ssl.CERT_REQUIRED), serve(None, None)]
        with open("ready.part", "w") as f: f.write(" ".join(map(str, ports)) + "\\n")
        os.rename("ready.part", "ready")
        time.sleep(240)

        """
}
