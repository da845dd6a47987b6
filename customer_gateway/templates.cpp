#include "customer_gateway/templates.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "customer_gateway/page_files.hpp"

namespace depot::customer_gateway {
namespace {

using kainjow::mustache::mustache;

constexpr std::string_view kForms[] = {"one", "few", "many", "other"};

struct Texts {
  std::map<std::string, std::string, std::less<>> by_key;
  std::set<std::string, std::less<>> counted;
};

void replace_all(std::string& text, std::string_view mark, std::string_view what) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += what.size()) {
    text.replace(at, mark.size(), what);
  }
}

// {"of": "available", "one": "{n} left", ...}: under the key itself a section for each form that
// the language has; and for scripts each form under <key>.<form>, where it has not the one before.
void add_plural(Texts& texts, const std::string& key, const boost::json::object& forms) {
  const std::string number(forms.at("of").as_string());
  texts.counted.insert(number);
  std::string last, sections;
  for (const std::string_view form : kForms) {
    if (const auto* given = forms.if_contains(form)) {
      last = given->as_string();
      const std::string name = std::string(number).append("_").append(form);
      std::string text = last;
      replace_all(text, "{n}", "{{" + number + "}}");
      sections.append("{{#").append(name).append("}}").append(text);
      sections.append("{{/").append(name).append("}}");
    }
    texts.by_key[key + "." + std::string(form)] = last;
  }
  texts.by_key[key] = sections;
}

Texts read_texts(Language language) {
  Texts texts;
  const boost::json::value read =
      boost::json::parse(page_file(std::string(name_of(language)) + ".json"));
  for (const auto& [key, value] : read.as_object()) {
    if (value.is_object()) {
      add_plural(texts, key, value.as_object());
    } else {
      texts.by_key[key] = value.as_string();
    }
  }
  return texts;
}

const Texts& texts_in(Language language) {
  static const Texts all[] = {read_texts(Language::en), read_texts(Language::pl)};
  return all[static_cast<std::size_t>(language)];
}

// Puts what `text_for(name)` gives in the place of each <open>name<close>.
template <typename F>
std::string filled(std::string text, std::string_view open, std::string_view close, F text_for) {
  for (std::size_t at = 0; (at = text.find(open, at)) != std::string::npos;) {
    const std::size_t begin = at + open.size(), end = text.find(close, begin);
    DEPOT_ASSERT(end != std::string::npos);
    text.replace(at, end + close.size() - at, text_for(text.substr(begin, end - begin)));
  }
  return text;
}

std::string without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

std::string whole_template(Language language, const std::string& name) {
  constexpr std::string_view kOpen = "<title>", kClose = "</title>\n";
  const std::string page(page_file(name + ".html"));
  const std::size_t close = page.find(kClose);
  DEPOT_ASSERT(page.starts_with(kOpen) && close != std::string::npos);
  std::string whole(page_file("layout.html"));
  replace_all(whole, "{{title}}", page.substr(kOpen.size(), close - kOpen.size()));
  replace_all(whole, "{{{main}}}", page.substr(close + kClose.size()));
  // The library would parse partials again for every row.
  whole = filled(std::move(whole), "{{>", "}}", [](const std::string& part) {
    return without_line_end(page_file(part + ".html"));
  });
  return filled(std::move(whole), "[[", "]]", [&](const std::string& key) {
    const auto& texts = texts_in(language).by_key;
    const auto found = texts.find(key);
    if (found == texts.end()) throw StartupError("pages: no text " + key, kExitFailed);
    return found->second;
  });
}

}  // namespace

mustache& template_of(Language language, const std::string& name) {
  thread_local std::map<std::pair<Language, std::string>, mustache> parsed;
  const auto found = parsed.find({language, name});
  if (found != parsed.end()) return found->second;
  const auto made = parsed.emplace(std::pair(language, name), whole_template(language, name)).first;
  DEPOT_ASSERT(made->second.is_valid());
  return made->second;
}

std::string_view text_of(Language language, std::string_view key) {
  const auto& texts = texts_in(language).by_key;
  const auto found = texts.find(key);
  return found == texts.end() ? std::string_view() : std::string_view(found->second);
}

bool is_counted(std::string_view name) {
  return std::ranges::any_of(
      kLanguages, [&](Language language) { return texts_in(language).counted.contains(name); });
}

std::string_view page_file(std::string_view name) {
  const auto files = embedded::page_files();
  const auto found = std::ranges::find(files, name, &embedded::File::name);
  DEPOT_ASSERT(found != files.end());
  return found->bytes;
}

std::string asset_path(std::string_view name) {
  static const std::string folder = [] {
    std::string all;
    for (const auto& file : embedded::page_files()) all += file.bytes;
    return "/assets/" + to_hex(sha256(all).substr(0, 4)) + "/";
  }();
  return folder + std::string(name);
}

}  // namespace depot::customer_gateway
