#include "base/csv.hpp"

#include <algorithm>

namespace depot {
namespace {

constexpr auto npos = std::string_view::npos;

constexpr bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
    if (size == 0 || text.size() - i < size) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if (!continues(text[i + k])) return false;
    }
    const auto second = size > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += size;
  }
  return true;
}

}  // namespace

CsvReader::CsvReader(std::string name, std::string text, std::vector<CsvColumn> columns,
                     const CsvLimits& limits)
    : name_(std::move(name)),
      text_(std::move(text)),
      columns_(std::move(columns)),
      limits_(limits),
      place_(columns_.size(), kAbsent) {
  if (text_.starts_with("\xEF\xBB\xBF")) offset_ = line_begin_ = 3;
  read_header();
}

void CsvReader::read_header() {
  if (!read_row()) {
    if (ok()) error_at(Field{offset_, 1, line_begin_}, "empty: a header line is required");
    return;
  }
  for (std::size_t i = 0; i < width_; ++i) {
    const std::string& name = fields_[i].value;
    const auto column = std::find_if(columns_.begin(), columns_.end(),
                                     [&](const CsvColumn& known) { return known.name == name; });
    if (column == columns_.end()) {
      error_at(fields_[i], "unknown column: " + name);
      continue;
    }
    std::size_t& place = place_[static_cast<std::size_t>(column - columns_.begin())];
    if (place != kAbsent) error_at(fields_[i], "column named twice: " + name);
    place = i;
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].required && place_[i] == kAbsent) {
      error_at(fields_[0], "no column " + columns_[i].name);
    }
  }
  header_width_ = width_;
  if (!ok()) offset_ = text_.size();  // Without a header no row means anything.
}

bool CsvReader::next() {
  while (read_row()) {
    if (width_ != header_width_) {
      error_at(fields_[0], std::to_string(width_) + " fields where the header has " +
                               std::to_string(header_width_));
    } else if (++rows_ <= limits_.rows_max) {
      return true;
    } else {
      error_at(fields_[0], "more than " + std::to_string(limits_.rows_max) + " rows");
      offset_ = text_.size();
    }
  }
  return false;
}

std::string_view CsvReader::operator[](std::size_t index) const {
  return has_column(index) ? std::string_view(fields_[place_[index]].value) : std::string_view();
}

// One row of well-formed fields; rows that are not are noted and skipped. False at the end.
bool CsvReader::read_row() {
  while (offset_ < text_.size()) {
    width_ = 0;
    bool good = read_field();
    while (good && offset_ < text_.size() && text_[offset_] == ',') {
      ++offset_;
      good = read_field();
    }
    good = end_line() && good;
    const bool blank = width_ == 1 && !fields_[0].quoted && fields_[0].value.empty();
    if (good && !blank) return true;
  }
  return false;
}

// Reads up to, not over, a comma or line end.
bool CsvReader::read_field() {
  if (fields_.size() == width_) fields_.emplace_back();
  Field& field = fields_[width_++];
  field.begin = offset_;
  field.line = line_now_;
  field.line_begin = line_begin_;
  field.quoted = offset_ < text_.size() && text_[offset_] == '"';
  field.value.clear();
  if (field.quoted && !read_quoted(field.value)) return error_at(field, "quote is never closed");
  if (!field.quoted) {
    const std::size_t end = std::min(text_.find_first_of(",\"\r\n", offset_), text_.size());
    field.value.assign(text_, offset_, end - offset_);
    offset_ = end;
  }
  const Field here{offset_, line_now_, line_begin_};
  if (offset_ < text_.size() && std::string_view(",\r\n").find(text_[offset_]) == npos) {
    return error_at(here, field.quoted ? "text behind a closing quote" : "quote inside a field");
  }
  if (field.value.size() > limits_.field_bytes_max) {
    return error_at(field, "longer than " + std::to_string(limits_.field_bytes_max) + " bytes");
  }
  return is_utf8(field.value) || error_at(field, "not UTF-8");
}

// From an opening quote to behind the closing one; "" inside is a quote. False at the file's end.
bool CsvReader::read_quoted(std::string& value) {
  for (++offset_; offset_ < text_.size(); ++offset_) {
    const char c = text_[offset_];
    if (c == '"' && (offset_ + 1 == text_.size() || text_[offset_ + 1] != '"')) {
      ++offset_;
      return true;
    }
    if (c == '"') ++offset_;
    if (c == '\n') ++line_now_, line_begin_ = offset_ + 1;
    value += c;
  }
  return false;
}

// Over the line's end, and what a bad row left before it. A lone CR ends no line: it is an error.
bool CsvReader::end_line() {
  const Field here{offset_, line_now_, line_begin_};
  const std::size_t feed = std::min(text_.find('\n', offset_), text_.size());
  const bool lone = text_[std::min(offset_, text_.size() - 1)] == '\r' && feed > offset_ + 1;
  offset_ = std::min(feed + 1, text_.size());
  ++line_now_;
  line_begin_ = offset_;
  return !lone || error_at(here, "a carriage return that ends no line");
}

void CsvReader::error(std::size_t index, std::string_view what) {
  const std::size_t place = has_column(index) ? place_[index] : 0;
  error_at(fields_[place], columns_[index].name + ": " + std::string(what));
}

bool CsvReader::error_at(const Field& place, std::string_view what) {
  if (++errors_total_ > limits_.errors_max) return false;
  const auto begin = text_.begin();
  const auto column = 1 + std::count_if(begin + static_cast<std::ptrdiff_t>(place.line_begin),
                                        begin + static_cast<std::ptrdiff_t>(place.begin),
                                        [](char c) { return !continues(c); });
  errors_.push_back(name_ + ':' + std::to_string(place.line) + ':' + std::to_string(column) + ": " +
                    std::string(what));
  return false;
}

std::string CsvReader::errors() const {
  std::string text;
  for (const std::string& error : errors_) text += error + '\n';
  if (errors_total_ > errors_.size()) {
    text += "... and " + std::to_string(errors_total_ - errors_.size()) + " more errors\n";
  }
  return text;
}

}  // namespace depot
