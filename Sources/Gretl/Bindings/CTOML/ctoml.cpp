// The one translation unit that sees toml++. Nesting is bounded by toml++ itself (256 levels).

#include "ctoml.h"

#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

struct ctoml_document {
    toml::table root;
    std::vector<ctoml_event> events;
};

namespace {

ctoml_event make_event(int32_t kind, const toml::node &node, const toml::key *key) {
    ctoml_event event{};
    event.kind = kind;
    event.line = node.source().begin.line;
    event.column = node.source().begin.column;
    if (key != nullptr) {
        event.key = key->str().data();
        event.key_length = key->str().size();
        event.key_line = key->source().begin.line;
        event.key_column = key->source().begin.column;
    }
    return event;
}

void append(std::vector<ctoml_event> &events, const toml::node &node, const toml::key *key) {
    if (const toml::table *table = node.as_table()) {
        events.push_back(make_event(CTOML_TABLE_BEGIN, node, key));
        for (const auto &[name, child] : *table)
            append(events, child, &name);
        events.push_back(make_event(CTOML_TABLE_END, node, nullptr));
    } else if (const toml::array *array = node.as_array()) {
        events.push_back(make_event(CTOML_ARRAY_BEGIN, node, key));
        for (const toml::node &child : *array)
            append(events, child, nullptr);
        events.push_back(make_event(CTOML_ARRAY_END, node, nullptr));
    } else if (const auto *text = node.as_string()) {
        ctoml_event event = make_event(CTOML_STRING, node, key);
        event.text = text->get().data();
        event.text_length = text->get().size();
        events.push_back(event);
    } else if (const auto *integer = node.as_integer()) {
        ctoml_event event = make_event(CTOML_INTEGER, node, key);
        event.integer = integer->get();
        events.push_back(event);
    } else if (const auto *real = node.as_floating_point()) {
        ctoml_event event = make_event(CTOML_REAL, node, key);
        event.real = real->get();
        events.push_back(event);
    } else if (const auto *boolean = node.as_boolean()) {
        ctoml_event event = make_event(CTOML_BOOLEAN, node, key);
        event.integer = boolean->get() ? 1 : 0;
        events.push_back(event);
    } else {
        events.push_back(make_event(CTOML_DATE, node, key));
    }
}

} // namespace

ctoml_document *ctoml_parse(const char *text, size_t length, ctoml_failure *failure) {
    toml::parse_result result = toml::parse(std::string_view(text, length));
    if (!result) {
        const toml::parse_error &error = result.error();
        failure->line = error.source().begin.line;
        failure->column = error.source().begin.column;
        std::strncpy(failure->message, std::string(error.description()).c_str(),
                     sizeof(failure->message) - 1);
        failure->message[sizeof(failure->message) - 1] = '\0';
        return nullptr;
    }
    auto *document = new ctoml_document{std::move(result).table(), {}};
    append(document->events, document->root, nullptr);
    return document;
}

void ctoml_free(ctoml_document *document) {
    delete document;
}

size_t ctoml_count(const ctoml_document *document) {
    return document->events.size();
}

ctoml_event ctoml_event_at(const ctoml_document *document, size_t index) {
    return document->events[index];
}
