// Reads CSV files: RFC 4180, UTF-8 (BOM allowed), LF or CRLF, a header, columns by name in any
// order.
//
// Every error is kept with file:line:column (from 1, in characters), so that a file is mended in
// one go: the reader goes on behind a bad row. Empty lines are skipped.
//
//   CsvReader csv(path, read_text_file(path, kCsvBytesMax), {{"sku"}, {"note", false}});
//   while (csv.next()) if (!is_name_part(csv[0])) csv.error(0, "not a sku");
//   if (!csv.ok()) std::cerr << csv.errors();
//
// Threads: one owner.
// Errors:  kept, not thrown: ok() and errors().
// Source:  RFC 4180; docs/OPERATIONS.md, "Files".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace depot {

inline constexpr std::size_t kCsvBytesMax = std::size_t{512} * 1024 * 1024;  // of a file

struct CsvColumn {
  std::string name;
  bool required = true;  // false: a file may do without it; its fields are "" then
};
struct CsvLimits {
  std::size_t rows_max = 5'000'000, field_bytes_max = 4'096;
  std::size_t errors_max = 100;  // Kept; beyond it they are only counted.
};

class CsvReader {
 public:
  // `name` stands for the file in messages. Reads the header at once.
  CsvReader(std::string name, std::string text, std::vector<CsvColumn> columns,
            const CsvLimits& limits = {});

  // Moves to the next well-formed row. False at the end, and where the header was wrong.
  bool next();
  // The row's field of columns[index]; good until the next next().
  std::string_view operator[](std::size_t index) const;
  // Notes an error at that field of the row: "file:line:column: <column's name>: <what>".
  void error(std::size_t index, std::string_view what);

  bool ok() const { return errors_total_ == 0; }
  std::size_t errors_total() const { return errors_total_; }
  std::string errors() const;  // One per line, each ending in '\n'.

 private:
  struct Place {
    std::size_t offset = 0, line = 1, line_begin = 0;
  };
  struct Field {
    Place place;
    bool quoted = false;
    std::string value = {};  // without its quotes
  };
  void read_header();
  bool read_row();
  bool read_field();
  bool read_quoted(std::string& value);
  bool end_line();
  bool error_at(const Place& place, std::string_view what);  // Always false.

  std::string name_, text_;
  std::vector<CsvColumn> columns_;
  CsvLimits limits_;
  std::vector<std::size_t> position_;  // of columns_[i] in the file's rows
  std::vector<Field> fields_;          // of the current row; longer than width_ where rows differ
  std::size_t width_ = 0, header_width_ = 0, rows_ = 0, errors_total_ = 0;
  Place at_;
  std::vector<std::string> errors_;
};

}  // namespace depot
