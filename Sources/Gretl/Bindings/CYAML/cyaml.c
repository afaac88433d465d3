// The flat list of events behind cyaml.h. Takes what a stranger posted: every growth is bounded,
// and what is refused leaves nothing behind.

#include "cyaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct cyaml_document {
    struct cyaml_event *events;
    size_t count;
    size_t room;
};

static void refuse(struct cyaml_failure *failure, yaml_mark_t mark, const char *message) {
    failure->line = (uint32_t)mark.line + 1;
    failure->column = (uint32_t)mark.column + 1;
    snprintf(failure->message, sizeof failure->message, "%s", message);
}

/// Room for one more event, or 0.
static int grow(struct cyaml_document *document) {
    if (document->count < document->room)
        return 1;
    size_t room = document->room ? document->room * 2 : 64;
    struct cyaml_event *events = realloc(document->events, room * sizeof *events);
    if (!events)
        return 0;
    document->events = events;
    document->room = room;
    return 1;
}

static int append(struct cyaml_document *document, int kind, const yaml_event_t *event) {
    if (document->count >= CYAML_EVENTS_MOST || !grow(document))
        return 0;
    struct cyaml_event made = {
        .kind = kind,
        .line = (uint32_t)event->start_mark.line + 1,
        .column = (uint32_t)event->start_mark.column + 1,
    };
    if (kind == CYAML_SCALAR) {
        made.text_length = event->data.scalar.length;
        made.is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        char *text = malloc(made.text_length + 1);
        if (!text)
            return 0;
        memcpy(text, event->data.scalar.value, made.text_length);
        text[made.text_length] = 0;
        made.text = text;
    }
    document->events[document->count++] = made;
    return 1;
}

/// Takes one event in. 1: go on, 0: the end, -1: refused.
static int take(struct cyaml_document *document, const yaml_event_t *event, int *depth,
                int *documents, struct cyaml_failure *failure) {
    int kind = -1;
    switch (event->type) {
    case YAML_STREAM_END_EVENT:
        return 0;
    case YAML_DOCUMENT_START_EVENT:
        if (++*documents > 1) {
            refuse(failure, event->start_mark, "a second document begins here");
            return -1;
        }
        return 1;
    case YAML_ALIAS_EVENT:
        refuse(failure, event->start_mark, "aliases (*name) are not read here");
        return -1;
    case YAML_MAPPING_START_EVENT:
        kind = CYAML_MAP_BEGIN;
        break;
    case YAML_MAPPING_END_EVENT:
        kind = CYAML_MAP_END;
        break;
    case YAML_SEQUENCE_START_EVENT:
        kind = CYAML_LIST_BEGIN;
        break;
    case YAML_SEQUENCE_END_EVENT:
        kind = CYAML_LIST_END;
        break;
    case YAML_SCALAR_EVENT:
        kind = CYAML_SCALAR;
        break;
    default:
        return 1;
    }
    if (kind == CYAML_MAP_BEGIN || kind == CYAML_LIST_BEGIN)
        ++*depth;
    if (kind == CYAML_MAP_END || kind == CYAML_LIST_END)
        --*depth;
    if (*depth > CYAML_DEPTH_MOST) {
        refuse(failure, event->start_mark, "it is nested too deeply");
        return -1;
    }
    if (!append(document, kind, event)) {
        refuse(failure, event->start_mark, "it is too large");
        return -1;
    }
    return 1;
}

struct cyaml_document *cyaml_parse(const char *text, size_t length, struct cyaml_failure *failure) {
    memset(failure, 0, sizeof *failure);
    struct cyaml_document *document = calloc(1, sizeof *document);
    yaml_parser_t parser;
    if (!document || !yaml_parser_initialize(&parser)) {
        snprintf(failure->message, sizeof failure->message, "no memory is left");
        free(document);
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    int depth = 0, documents = 0, outcome = 1;
    while (outcome == 1) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            refuse(failure, parser.problem_mark, parser.problem ? parser.problem : "it is no YAML");
            outcome = -1;
            break;
        }
        outcome = take(document, &event, &depth, &documents, failure);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (outcome == 0)
        return document;
    cyaml_free(document);
    return NULL;
}

void cyaml_free(struct cyaml_document *document) {
    if (!document)
        return;
    for (size_t index = 0; index < document->count; index++) {
        // A credential may have stood there.
        char *text = (char *)document->events[index].text;
        if (text)
            explicit_bzero(text, document->events[index].text_length);
        free(text);
    }
    free(document->events);
    free(document);
}

size_t cyaml_count(const struct cyaml_document *document) {
    return document->count;
}

struct cyaml_event cyaml_event_at(const struct cyaml_document *document, size_t index) {
    return document->events[index];
}
