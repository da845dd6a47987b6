// Reads CSV files as people and spreadsheets write them: RFC 4180, UTF-8 (BOM allowed), LF or CRLF.
//
// A header is required; columns are found by name in any order, an unknown, repeated or missing one
// is an error. Every error is kept with file:line:column, so that a file is mended in one go; the
// reader goes on behind a bad row. Empty lines are skipped.
//
//   CsvReader csv(path, read_text_file(path, kCsvBytesMax), {{"sku"}, {"note", false}});
//   while (csv.next()) {
//     if (!is_name_part(csv[0])) csv.error(0, "not a sku");
//   }
//   if (!csv.ok()) std::cerr << csv.errors();
//
// Threads: one owner.
// Errors:  kept, not thrown: ok() and errors().
// Source:  RFC 4180; docs/API.md, "CSV".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace depot {

struct CsvColumn {
  std::string name;
  bool required = true;  // false: the file may do without it, every field is "" then
};

struct CsvLimits {
  std::size_t rows_max = 5'000'000;
  std::size_t field_bytes_max = 4'096;
  std::size_t errors_max = 100;  // Kept; beyond it they are only counted.
};

inline constexpr std::size_t kCsvBytesMax = std::size_t{512} * 1024 * 1024;  // of a file

class CsvReader {
 public:
  // `name` stands for the file in messages. Reads the header at once.
  CsvReader(std::string name, std::string text, std::vector<CsvColumn> columns,
            const CsvLimits& limits = {});
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  // Moves to the next well-formed row. False at the end, and when the header was wrong.
  bool next();
  // The row's field of columns[index]; good until the next next().
  std::string_view operator[](std::size_t index) const;
  bool has_column(std::size_t index) const { return place_[index] != kAbsent; }
  std::size_t line() const { return fields_[0].line; }  // that the row begins in, from 1

  // Notes an error at that field of the row: "file:line:column: <column name>: <what>".
  void error(std::size_t index, std::string_view what);
  bool ok() const { return errors_total_ == 0; }
  std::size_t errors_total() const { return errors_total_; }
  std::string errors() const;  // One per line, each ending in '\n'.

 private:
  static constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);
  struct Field {
    std::size_t begin = 0;                 // in text_
    std::size_t line = 1, line_begin = 0;  // of its first byte
    bool quoted = false;
    std::string value = {};  // without its quotes
  };

  bool read_row();
  bool read_field();
  void read_header();
  bool read_quoted(std::string& value);
  bool end_line();
  bool error_at(const Field& place, std::string_view what);  // Always false.

  std::string name_, text_;
  std::vector<CsvColumn> columns_;
  CsvLimits limits_;
  std::vector<std::size_t> place_;  // of columns_[i] in the file's rows
  std::vector<Field> fields_;       // of the current row, and spare ones behind: width_ count
  std::size_t width_ = 0, header_width_ = 0;
  std::size_t offset_ = 0, line_now_ = 1, line_begin_ = 0, rows_ = 0;
  std::vector<std::string> errors_;
  std::size_t errors_total_ = 0;
};

}  // namespace depot
