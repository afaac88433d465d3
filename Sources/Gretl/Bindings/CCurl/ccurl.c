// libcurl by dlopen(3), behind ccurl.h. Finds what it needs once, by name; without the library
// everything but clusters and models works.

#include "ccurl.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stddef.h>

static struct {
    void *library;
    curl_version_info_data *(*version_info)(CURLversion);
} curl;

const char *ccurl_load(void) {
    if (curl.library)
        return NULL;
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return "libcurl.so.4 cannot be loaded: install libcurl4";
    *(void **)&curl.version_info = dlsym(library, "curl_version_info");
    if (!curl.version_info) {
        dlclose(library);
        return "libcurl.so.4 lacks a function that is needed";
    }
    curl.library = library;
    return NULL;
}

const char *ccurl_version(void) {
    return curl.library ? curl.version_info(CURLVERSION_NOW)->version : NULL;
}
