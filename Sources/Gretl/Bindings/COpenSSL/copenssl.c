// libssl by dlopen(3), behind copenssl.h. Finds what it needs once, by name; without the library
// everything but tethers through an API server works.

#include "copenssl.h"

#include <dlfcn.h>
#include <stddef.h>

static void *library;

const char *copenssl_load(void) {
    if (library)
        return NULL;
    library = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
    return library ? NULL : "libssl.so.3 cannot be loaded: install libssl3";
}
