// toml++ behind a C face: a document becomes a flat list of events in depth-first order, which
// Swift reads by index. Called by Sources/Gretl/Configuration/TOMLFile.swift only. No C++ type and
// no exception crosses this header.

#ifndef CTOML_H
#define CTOML_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ctoml_kind {
    CTOML_TABLE_BEGIN,
    CTOML_TABLE_END,
    CTOML_ARRAY_BEGIN,
    CTOML_ARRAY_END,
    CTOML_STRING,
    CTOML_INTEGER,
    CTOML_REAL,
    CTOML_BOOLEAN,
    /// A date, a time, or both; not carried further.
    CTOML_DATE,
};

/// One event. The pointers live as long as the document. Lines and columns count from 1.
struct ctoml_event {
    int32_t kind;
    uint32_t line;
    uint32_t column;
    uint32_t key_line;
    uint32_t key_column;
    /// NULL for the root and in arrays.
    const char *key;
    size_t key_length;
    /// Of a string, in UTF-8.
    const char *text;
    size_t text_length;
    /// Of an integer or a boolean (0, 1).
    int64_t integer;
    double real;
};

/// Why a document was refused.
struct ctoml_failure {
    uint32_t line;
    uint32_t column;
    char message[256];
};

struct ctoml_document;

/// Parses UTF-8 text. NULL, with `failure` filled, when it is not TOML.
struct ctoml_document *ctoml_parse(const char *text, size_t length, struct ctoml_failure *failure);
void ctoml_free(struct ctoml_document *document);
size_t ctoml_count(const struct ctoml_document *document);
/// `index` must be below the count.
struct ctoml_event ctoml_event_at(const struct ctoml_document *document, size_t index);

#ifdef __cplusplus
}
#endif

#endif
