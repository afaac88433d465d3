// libyaml behind a flat face: a document becomes a list of events in depth-first order, which Swift
// reads by index. Called by Sources/Gretl/Kubernetes/YAMLText.swift only. Aliases and more than one
// document are refused, and so is what is too large or nested too deeply.

#ifndef CYAML_H
#define CYAML_H

#include <stddef.h>
#include <stdint.h>

enum cyaml_kind {
    CYAML_MAP_BEGIN,
    CYAML_MAP_END,
    CYAML_LIST_BEGIN,
    CYAML_LIST_END,
    /// A value, or the key of a map.
    CYAML_SCALAR,
};

/// One event. The text lives as long as the document. Lines and columns count from 1.
struct cyaml_event {
    int32_t kind;
    uint32_t line;
    uint32_t column;
    /// Written without quotes: `true` is a boolean then and not text.
    int32_t is_plain;
    /// Of a scalar, in UTF-8; may hold zero bytes.
    const char *text;
    size_t text_length;
};

/// Why a text was refused.
struct cyaml_failure {
    uint32_t line;
    uint32_t column;
    char message[256];
};

struct cyaml_document;

/// Most events and deepest nesting of a document.
enum { CYAML_EVENTS_MOST = 100000, CYAML_DEPTH_MOST = 32 };

/// Parses one document. NULL, with `failure` filled, when it is none.
struct cyaml_document *cyaml_parse(const char *text, size_t length, struct cyaml_failure *failure);
void cyaml_free(struct cyaml_document *document);
size_t cyaml_count(const struct cyaml_document *document);
/// `index` must be below the count.
struct cyaml_event cyaml_event_at(const struct cyaml_document *document, size_t index);

#endif
