// What of a plugin's words is quoted, and what is left out.

import Gretl
import Testing

@Suite struct SecretLikeTextTests {
    @Test(arguments: [
        ("log in first", "log in first"),
        ("", ""),
        ("token k8s-aws-v1.aHR0cHM6Ly9zdHMuYW1hem9u rejected", "token k8s-aws-v1.[…] rejected"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "Bearer […].eyJzdWIiOiIxIn0.c2ln"),
        (
            "/usr/lib/google-cloud-sdk/bin/gke-gcloud-auth-plugin: 1.2.3",
            "/usr/lib/google-cloud-sdk/bin/gke-gcloud-auth-plugin: 1.2.3"
        ),
        ("key=\"0123456789abcdef0123456789abcdef\"", "key=\"[…]\""),
        ("AKIAIOSFODNN7EXAMPLE", "[…]"),
        ("sts.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"),
        ("the-quick-brown-fox-jumps-over", "the-quick-brown-fox-jumps-over"),
    ])
    func `Words like credentials are left out`(said: String, quoted: String) {
        #expect(SecretLikeText.hidden(in: said) == quoted)
    }
}
