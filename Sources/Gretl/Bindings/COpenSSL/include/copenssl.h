// OpenSSL's TLS as Swift can call it, loaded at first use: linked, it would cost megabytes of
// resident memory in a daemon that knows no cluster. Called by
// Sources/Gretl/Outbound/TLSStream.swift only.

#ifndef COPENSSL_H
#define COPENSSL_H

/// Loads the library once. NULL when it is there, else why it is not (a static text).
const char *copenssl_load(void);

#endif
