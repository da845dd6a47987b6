// Files that people and programs write: config.yml, an agent's YAML, CSV catalogues, its journal.
//
// Promises: what is described is read back as the same; a CSV file written anew, quoted and with
// the other line ends, has the same rows; a journal written anew leads to the same state.
#include <sys/mman.h>
#include <unistd.h>

#include "base/config.hpp"
#include "base/csv.hpp"
#include "base/fatal.hpp"
#include "manufacturer/catalogue.hpp"
#include "manufacturer/journal.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace depot::fuzz {
namespace {

using namespace depot::manufacturer;

// The text as a file, for readers that take a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : file_(memfd_create("fuzz", MFD_CLOEXEC)) {
    must(file_ >= 0 && write(file_, text.data(), text.size()) == std::ssize(text), "no memfd");
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  const int file_;
};

// What `read` gives; nullopt where it refuses the file.
template <typename Read>
auto taken(Read read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const StartupError& error) {
    must(!std::string(error.what()).empty(), "a refusal says why");
    return std::nullopt;
  }
}

void check_config(std::string_view text) {
  const auto config = taken([&] { return parse_config(std::string(text), "config.yml"); });
  if (!config) return;
  const std::string described = describe_config(*config);
  const auto again = taken([&] { return parse_config(described, "described"); });
  must(again.has_value(), "what is described loads");
  must(describe_config(*again) == described, "what is described is the same configuration");
}

void check_agent_file(std::string_view text) {
  const MemoryFile memory(text);
  const auto file = taken([&] { return read_agent_file(memory.path()); });
  if (!file) return;
  AgentFile alone = *file;
  alone.catalogue.clear();  // Whatever it names is no business of ours.
  const auto rows = taken([&] { return read_offers(alone, Currency()); });
  must(!rows || rows->size() == file->offers.size(), "each offer is a row");
}

using Rows = std::vector<std::vector<std::string>>;

const std::vector<CsvColumn> kColumns = {{"sku"}, {"name"}, {"note", false}};

std::optional<Rows> read_csv(std::string text) {
  CsvReader csv("a.csv", std::move(text), kColumns,
                {.rows_max = 50, .field_bytes_max = 300, .errors_max = 5});
  Rows rows;
  while (csv.next()) {
    rows.push_back({std::string(csv[0]), std::string(csv[1]), std::string(csv[2])});
    if (rows.back()[0] == "x") csv.error(2, "is x");
  }
  must(csv.ok() == csv.errors().empty(), "an error is told");
  return csv.ok() ? std::optional(rows) : std::nullopt;
}

std::string written(const Rows& rows, std::string_view line_end) {
  std::string text("\xEF\xBB\xBF\"note\",sku,name");
  text += line_end;
  const auto field = [&](const std::string& value, std::string_view behind) {
    text += '"';
    for (const char c : value) text.append(c == '"' ? 2 : 1, c);
    text.append("\"").append(behind);
  };
  for (const auto& row : rows) {
    field(row[2], ",");
    field(row[0], ",");
    field(row[1], line_end);
  }
  return text;
}

void check_csv(std::string_view text) {
  const std::optional<Rows> rows = read_csv(std::string(text));
  if (!rows) return;
  must(read_csv(written(*rows, "\n")) == rows, "a CSV file written anew is the same");
  must(read_csv(written(*rows, "\r\n")) == rows, "its line ends change nothing");
}

void check_catalogue(std::string_view text) {
  const MemoryFile memory(text);
  const auto rows = taken([&] { return read_offers(memory.path(), Currency()); });
  if (rows) {
    for (const protocol::OfferRow& row : *rows) {
      must(row.unit_price >= 1 && row.unit_price <= kUnitPriceMax, "a price keeps to its limits");
      must(row.offered >= 0 && row.offered <= offered_max(row.unit_price), "so do the units");
    }
    protocol::OfferRecord record{.cycle = "c", .rows = *rows};
    if (record.rows.size() > protocol::kOfferRowsPerRecordMax) return;
    std::string bytes;
    encode(record, bytes);
    must(protocol::decode_offer_record(bytes).has_value(), "what a file offers, a hub takes");
  }
  taken([&] { return read_offers_of_many(memory.path(), Currency()); });
}

std::string lines_of(const AgentState& state) {
  std::string text;
  if (state.epoch == 0) return text;
  for (const Change& change : changes_to(state)) text += encode_line(change);
  return text;
}

void check_written_anew(const AgentState& state) {
  const std::string text = lines_of(state);
  AgentState again;
  must(read_lines(text, again) == text.size(), "a journal written anew is good");
  must(lines_of(again) == text, "a journal written anew leads to the same state");
}

void check_journal(std::string_view text) {
  AgentState state;
  const std::size_t good = read_lines(text, state);
  must(good <= text.size() && (good == 0 || text[good - 1] == '\n'), "lines end");
  AgentState again;
  must(read_lines(text.substr(0, good), again) == good, "what is good stays so");
  check_written_anew(state);
}

// Changes without the checksums, which no fuzzer guesses.
void check_changes(Input& input) {
  AgentState state;
  for (int count = 0; !input.empty() && count < 20; ++count) {
    const auto change = decode_change(input.sized_part());
    if (!change) continue;
    must(decode_change(encode_change(*change)) == change, "decode(encode(x)) == x");
    const std::string before = lines_of(state);
    if (!apply(state, *change)) must(lines_of(state) == before, "a refusal changes nothing");
  }
  check_written_anew(state);
}

}  // namespace
}  // namespace depot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  depot::fuzz::Input input(data, size);
  switch (input.byte() % 6) {
    case 0:
      depot::fuzz::check_config(input.rest());
      break;
    case 1:
      depot::fuzz::check_agent_file(input.rest());
      break;
    case 2:
      depot::fuzz::check_csv(input.rest());
      break;
    case 3:
      depot::fuzz::check_catalogue(input.rest());
      break;
    case 4:
      depot::fuzz::check_journal(input.rest());
      break;
    default:
      depot::fuzz::check_changes(input);
  }
  return 0;
}
