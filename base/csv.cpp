#include "base/csv.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace depot {
namespace {

constexpr std::size_t kAbsent = std::string::npos;

}  // namespace

CsvReader::CsvReader(std::string name, std::string text, std::vector<CsvColumn> columns,
                     const CsvLimits& limits)
    : name_(std::move(name)),
      text_(std::move(text)),
      columns_(std::move(columns)),
      limits_(limits),
      position_(columns_.size(), kAbsent) {
  if (text_.starts_with("\xEF\xBB\xBF")) at_.offset = at_.line_begin = 3;
  read_header();
  if (!ok()) at_.offset = text_.size();  // Without a header no row means anything.
}

void CsvReader::read_header() {
  if (!read_row()) {
    if (ok()) error_at({}, "a header line is required");
    return;
  }
  header_width_ = width_;
  for (std::size_t i = 0; i < width_; ++i) {
    const auto column = std::find_if(columns_.begin(), columns_.end(), [&](const CsvColumn& known) {
      return known.name == fields_[i].value;
    });
    const auto index = static_cast<std::size_t>(column - columns_.begin());
    if (column == columns_.end()) {
      error_at(fields_[i].place, "unknown column: " + fields_[i].value);
    } else if (position_[index] != kAbsent) {
      error_at(fields_[i].place, "column named twice: " + fields_[i].value);
    } else {
      position_[index] = i;
    }
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool missing = columns_[i].required && position_[i] == kAbsent;
    if (missing) error_at(fields_[0].place, "no column " + columns_[i].name);
  }
}

bool CsvReader::next() {
  while (read_row()) {
    if (width_ != header_width_) {
      error_at(fields_[0].place, std::to_string(width_) + " fields where the header has " +
                                     std::to_string(header_width_));
    } else if (++rows_ <= limits_.rows_max) {
      return true;
    } else {
      error_at(fields_[0].place, "more than " + std::to_string(limits_.rows_max) + " rows");
      at_.offset = text_.size();
    }
  }
  return false;
}

std::string_view CsvReader::operator[](std::size_t index) const {
  if (position_[index] == kAbsent) return {};
  return fields_[position_[index]].value;
}

// One row of well-formed fields; rows that are not are noted and skipped. False at the end.
bool CsvReader::read_row() {
  while (at_.offset < text_.size()) {
    width_ = 0;
    bool good = read_field();
    while (good && at_.offset < text_.size() && text_[at_.offset] == ',') {
      ++at_.offset;
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
  field = {at_, at_.offset < text_.size() && text_[at_.offset] == '"', {}};
  if (field.quoted) {
    if (!read_quoted(field.value)) return error_at(field.place, "quote is never closed");
  } else {
    const std::size_t end = std::min(text_.find_first_of(",\"\r\n", at_.offset), text_.size());
    field.value.assign(text_, at_.offset, end - at_.offset);
    at_.offset = end;
  }
  if (at_.offset < text_.size() && std::string_view(",\r\n").find(text_[at_.offset]) == kAbsent) {
    return error_at(at_, field.quoted ? "text behind a closing quote" : "quote inside a field");
  }
  if (field.value.size() > limits_.field_bytes_max) {
    return error_at(field.place,
                    "longer than " + std::to_string(limits_.field_bytes_max) + " bytes");
  }
  return is_utf8(field.value) || error_at(field.place, "not UTF-8");
}

// From an opening quote to behind the closing one; "" inside is a quote. False at the file's end.
bool CsvReader::read_quoted(std::string& value) {
  for (++at_.offset; at_.offset < text_.size(); ++at_.offset) {
    const char c = text_[at_.offset];
    if (c == '"' && text_.compare(at_.offset, 2, "\"\"") != 0) return ++at_.offset, true;
    if (c == '"') ++at_.offset;
    if (c == '\n') ++at_.line, at_.line_begin = at_.offset + 1;
    value += c;
  }
  return false;
}

// Over the line's end and what a bad row left before it. A lone CR ends no line: it is an error.
bool CsvReader::end_line() {
  const Place here = at_;
  const std::size_t feed = std::min(text_.find('\n', here.offset), text_.size());
  const bool lone = feed > here.offset + 1 && text_[here.offset] == '\r';
  at_ = {std::min(feed + 1, text_.size()), here.line + 1, std::min(feed + 1, text_.size())};
  return !lone || error_at(here, "a carriage return that ends no line");
}

void CsvReader::error(std::size_t index, std::string_view what) {
  const std::size_t position = position_[index] == kAbsent ? 0 : position_[index];
  error_at(fields_[position].place, columns_[index].name + ": " + std::string(what));
}

bool CsvReader::error_at(const Place& place, std::string_view what) {
  if (++errors_total_ > limits_.errors_max) return false;
  const std::string_view before(text_.data() + place.line_begin, place.offset - place.line_begin);
  const auto wide = std::count_if(before.begin(), before.end(), continues_utf8);
  const std::size_t column = 1 + before.size() - static_cast<std::size_t>(wide);
  errors_.push_back(name_ + ':' + std::to_string(place.line) + ':' + std::to_string(column) + ": " +
                    std::string(what));
  return false;
}

std::string CsvReader::errors() const {
  std::string text;
  for (const std::string& error : errors_) text += error + '\n';
  const std::size_t more = errors_total_ - errors_.size();
  return more == 0 ? text : text + "... and " + std::to_string(more) + " more errors\n";
}

}  // namespace depot
