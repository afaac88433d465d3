// libcurl as Swift can call it, loaded at first use: linked, it would cost 6 MB of resident memory
// in a daemon that knows no cluster. Called by Sources/Gretl/Outbound/HTTPSClient.swift only.

#ifndef CCURL_H
#define CCURL_H

/// Loads the library once. NULL when it is there, else why it is not (a static text).
const char *ccurl_load(void);

/// Its version, such as "7.88.1"; NULL before it is loaded.
const char *ccurl_version(void);

#endif
