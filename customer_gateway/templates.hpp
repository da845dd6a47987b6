// What pages are made of: templates in mustache (pages/*.html), their texts in each language
// (pages/en.json, pl.json) and the files that go with them (style, scripts, icon).
//
// A template names a text as [[key]]; texts are put in, and partials, when it is parsed, once in
// each thread and language. A text may name data as {{name}}. One with plural forms is an object:
// "of" names the number, {n} stands for it.
//
// Threads: any; a template belongs to the thread that asked for it.
// Errors:  a template or text that is not there is a broken invariant (a test parses them all).
// Source:  https://mustache.github.io/mustache.5.html.
#pragma once

#include <kainjow/mustache.hpp>
#include <string>
#include <string_view>

#include "customer_gateway/locale.hpp"

namespace depot::customer_gateway {

// `name`: a file of pages/ without its ending; its first line is the title.
kainjow::mustache::mustache& template_of(Language language, const std::string& name);

// The text of `key`, "" where there is none. It is HTML, and may hold {{name}} for a template.
std::string_view text_of(Language language, std::string_view key);

// Whether some text has plural forms of the number `name`.
bool is_counted(std::string_view name);

std::string_view page_file(std::string_view name);  // "depot.css"
// "/assets/<hash>/<name>". The hash is that of all files: scripts import each other by it.
std::string asset_path(std::string_view name);

}  // namespace depot::customer_gateway
