// The worked examples of docs/PROTOCOL.md, "Sync", against the code: a stranger can believe them.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "messaging/sync_frame.hpp"
#include "protocol/sync.hpp"

namespace depot {
namespace {

using messaging::SyncHeader;
using messaging::SyncType;

struct Example {
  std::string title, topic, header, body;
};

std::string from_hex(const std::string& text) {
  std::istringstream in(text);
  std::string bytes, pair;
  while (in >> pair) bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
  return bytes;
}

std::vector<Example> examples() {
  std::ifstream file(DEPOT_SOURCE_DIR "/docs/PROTOCOL.md");
  std::vector<Example> all;
  std::string line;
  while (std::getline(file, line) && line != "## Sync") {
  }
  while (std::getline(file, line) && line != "### Examples") {
  }
  while (std::getline(file, line) && line != "```") {
  }
  std::string* hex = nullptr;
  while (std::getline(file, line) && line != "```") {
    if (line.starts_with("topic   ")) {
      all.back().topic = line.substr(8);
    } else if (line.starts_with("header  ") || line.starts_with("body    ")) {
      hex = line[0] == 'h' ? &all.back().header : &all.back().body;
      *hex = line.substr(8);
    } else if (line.starts_with("     =  ")) {
      hex = nullptr;
    } else if (line.starts_with("        ") && hex) {
      *hex += " " + line.substr(8);
    } else if (!line.empty()) {
      all.push_back({line, "", "", ""});
    }
  }
  return all;
}

template <typename T>
std::string encoded(const std::optional<T>& value) {
  std::string bytes;
  if (value) encode(*value, bytes);
  return bytes;
}

// What our own encoder makes of a body that our decoder has read.
std::string again(const SyncHeader& header, const Example& example, const std::string& body) {
  using namespace protocol;
  switch (header.type) {
    case SyncType::hello:
      return encoded(decode_sync_hello(body));
    case SyncType::welcome:
      return encoded(decode_sync_welcome(body));
    case SyncType::snapshot:
      return body.empty() ? "" : encoded(decode_catalogue_record(body));
    case SyncType::record:
      if (example.topic == "offer/orchard/") return encoded(decode_offer_record(body));
      if (example.topic == "stock/") return encoded(decode_stock_record(body));
      if (example.topic == "catalogue/") return encoded(decode_catalogue_record(body));
      if (example.topic == "cycle/") return encoded(decode_cycle(body));
      return decode_ledger_entry(body) ? body : "";
    case SyncType::ask:
      return encoded(decode_sync_ask(body));
    default:
      return body;  // No msgpack: empty, or a sentence.
  }
}

TEST(ProtocolTextTest, ExamplesAreWhatWeSpeak) {
  const std::vector<Example> all = examples();
  std::map<SyncType, int> seen;
  for (const Example& example : all) {
    const std::string header_bytes = from_hex(example.header);
    SyncHeader header;
    ASSERT_EQ(header_bytes.size(), messaging::kSyncHeaderSize) << example.title;
    ASSERT_TRUE(read_sync_header(header_bytes, header)) << example.title;
    ++seen[header.type];
    std::string written;
    write_sync_header(header, written);
    EXPECT_EQ(written, header_bytes) << example.title;
    std::string_view kind, id;
    EXPECT_TRUE(example.topic.empty() || messaging::split_topic(example.topic, kind, id));
    const std::string body = from_hex(example.body);
    EXPECT_EQ(again(header, example, body), body) << example.title;
  }
  for (int type = 1; type <= 12; ++type) {
    EXPECT_GT(seen[static_cast<SyncType>(type)], 0) << "no example of type " << type;
  }
}

TEST(ProtocolTextTest, TheExampleOfAnOfferSaysWhatItsWordsSay) {
  const Example offer = examples().front();
  SyncHeader header;
  ASSERT_TRUE(read_sync_header(from_hex(offer.header), header));
  EXPECT_EQ(header.epoch, 3u);
  EXPECT_EQ(header.from, 17u);
  EXPECT_EQ(header.to, 17u);
  const auto record = protocol::decode_offer_record(from_hex(offer.body));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->cycle, "2026-11");
  EXPECT_EQ(record->rows.at(0).sku, "A1");
  EXPECT_EQ(record->rows.at(0).unit_price, 249);
  EXPECT_EQ(record->rows.at(0).offered, 100);
}

}  // namespace
}  // namespace depot
