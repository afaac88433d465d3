// The fake cluster's own authority, its server's certificate and a client's, made by openssl at its
// start, and the kubeconfigs that name them.

import TestSupport

/// Certificates in a folder.
struct FakeCertificates {
    let folder: String

    struct Failed: Error { let why: String }

    init(in folder: String) throws {
        self.folder = folder
        TemporaryFolder.write(FakeCertificates.script, to: folder + "/make.sh")
        let made = try Program.run(["/bin/sh", folder + "/make.sh", folder], seconds: 60)
        guard made.exit == 0 else { throw Failed(why: made.errors) }
    }

    func text(_ name: String) -> String { TextFile.read(folder + "/" + name) ?? "" }

    /// Writes a kubeconfig with a client's certificate, and one with a token.
    func writeKubeconfigs(port: UInt16) {
        let certificate =
            "    client-certificate-data: \(text("client.crt.b64"))\n"
            + "    client-key-data: \(text("client.key.b64"))\n"
        for (name, user) in [("certificate", certificate), ("token", "    token: good-token\n")] {
            TemporaryFolder.write(
                """
                apiVersion: v1
                kind: Config
                current-context: fake
                clusters:
                - name: fake
                  cluster:
                    server: https://127.0.0.1:\(port)
                    certificate-authority-data: \(text("ca.crt.b64"))
                users:
                - name: me
                  user:
                \(user)contexts:
                - name: fake
                  context:
                    cluster: fake
                    user: me
                    namespace: default

                """, to: folder + "/kubeconfig.\(name)")
        }
    }

    private static let script = """
        set -e
        cd "$1"
        new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        openssl req -x509 $new -days 2 -keyout ca.key -subj /CN=fake-ca -out ca.crt
        make() {
          openssl req $new -keyout $1.key -subj "$2" -out $1.csr
          printf '%s\\n' "$3" > $1.ext
          openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile $1.ext -out $1.crt
        }
        make server /CN=kube-apiserver subjectAltName=DNS:localhost,DNS:kubernetes,IP:127.0.0.1
        make client /O=gretl:testers/CN=tester extendedKeyUsage=clientAuth
        for name in ca.crt client.crt client.key; do base64 -w0 $name > $name.b64; done

        """
}
