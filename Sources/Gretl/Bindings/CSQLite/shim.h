/* SQLite as Swift can call it: variadic functions and pointer-valued macros are invisible to Swift.
 * Used by Sources/Gretl/Storage/SQLiteConnection.swift only. */
#ifndef CSQLITE_SHIM_H
#define CSQLITE_SHIM_H

#include <sqlite3.h>

/* Sets what must be set before the first statement: a schema cannot call functions with side
 * effects or be edited by hand, and the lookaside memory is 16 KiB instead of 120. */
static inline int csqlite_configure(sqlite3 *database) {
    int result = sqlite3_db_config(database, SQLITE_DBCONFIG_LOOKASIDE, (void *)0, 256, 64);
    if (result == SQLITE_OK) {
        result = sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
    }
    return result;
}

/* Both copy the bytes. A null pointer with length 0 is an empty value here, never NULL. */
static inline int csqlite_bind_text(sqlite3_stmt *statement, int index, const char *bytes,
                                    int count) {
    return sqlite3_bind_text(statement, index, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}

static inline int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes,
                                    int count) {
    return sqlite3_bind_blob(statement, index, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}

#endif
