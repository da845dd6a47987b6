// The worked examples of docs/PROTOCOL.md, "Requests", against the code: a stranger can believe
// them.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "messaging/frame.hpp"

namespace depot::messaging {
namespace {

constexpr std::uint32_t kSession = 0x01020304;

std::string frame(const Header& header, const std::string& rest = {}) {
  std::string bytes;
  write_header(header, bytes);
  return bytes + rest;
}
std::string of_worker(Header header, const std::string& rest = {}) {
  header.session = kSession;
  header.credit_limit = 228;
  return frame(header, rest);
}

std::string two_requests() {
  const std::string cart =
      std::string("\x92\xb0") + "session-hash-16b" + "\xb0" + "CUSTOMER16CHARAC";
  RequestId id{};
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(0xA0 + i);
  std::string records;
  append_request({.tag = 0x00500007,
                  .budget_us = 5'000'000,
                  .tenant = 0xCAFE0001,
                  .kind = 14,
                  .attempt = 1,
                  .flags = 0,
                  .request_id = id,
                  .body = cart},
                 records);
  append_request({.tag = 0x00500008,
                  .budget_us = 4'200'000,
                  .tenant = 0xCAFE0002,
                  .kind = 18,
                  .attempt = 3,
                  .flags = kRecordAlone,
                  .request_id = id,
                  .body = {}},
                 records);
  return records;
}

std::string two_replies() {
  std::string records;
  append_reply({.tag = 0x00500007, .status = 0, .retry_after_ms = 0, .body = "O\x92\x01\x90"},
               records);
  append_reply({.tag = 0x00500008, .status = 4, .retry_after_ms = 1'000, .body = {}}, records);
  return records;
}

// What the code makes of each example.
std::map<std::string, std::string> expected() {
  constexpr std::uint64_t kInstance = 0x1122334455667788;
  return {
      {"HELLO of a worker", frame({.type = FrameType::hello, .aux = kInstance}, "\x02worker-1")},
      {"WELCOME of a gateway",
       frame({.type = FrameType::welcome, .session = kSession, .credit_limit = 20'000})},
      {"RESET: no such session", frame({.type = FrameType::reset, .session = kSession})},
      {"REQUEST: get_cart, and get_cycle alone",
       frame({.type = FrameType::request, .count = 2, .session = kSession, .credit_limit = 2},
             two_requests())},
      {"REPLY: the cart, and OVERLOAD",
       of_worker({.type = FrameType::reply, .count = 2}, two_replies())},
      {"CREDIT: 228 in all", of_worker({.type = FrameType::credit})},
      {"PING of a worker without Redis", frame({.type = FrameType::ping,
                                                .flags = kFlagBackendDown,
                                                .session = kSession,
                                                .credit_limit = 100})},
      {"PONG", frame({.type = FrameType::pong, .session = kSession})},
      {"DRAIN", of_worker({.type = FrameType::drain})},
      {"DRAINED: 213 were sent",
       frame({.type = FrameType::drained, .session = kSession, .aux = 213})},
      {"BYE", of_worker({.type = FrameType::bye})},
  };
}

std::string from_hex(const std::string& text) {
  std::istringstream in(text);
  std::string bytes;
  for (std::string pair; in >> pair;) {
    bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
  }
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    char pair[4];
    std::snprintf(pair, sizeof pair, "%02x%c", static_cast<unsigned char>(bytes[i]),
                  (i + 1) % 24 == 0 ? '\n' : ' ');
    text += pair;
  }
  return text;
}

// Title and bytes of each example; titles stand at the left edge, bytes two spaces in.
std::map<std::string, std::string> documented() {
  std::ifstream file(DEPOT_SOURCE_DIR "/docs/PROTOCOL.md");
  std::string line;
  while (std::getline(file, line) && line != "### Examples of requests") {
  }
  while (std::getline(file, line) && line != "```") {
  }
  std::map<std::string, std::string> all;
  std::string title;
  while (std::getline(file, line) && line != "```") {
    if (line.starts_with("  ")) {
      all[title] += from_hex(line);
    } else if (!line.empty()) {
      title = line;
    }
  }
  return all;
}

TEST(ProtocolDocumentTest, ExamplesAreWhatTheCodeMakes) {
  const auto document = documented();
  for (const auto& [title, bytes] : expected()) {
    ASSERT_TRUE(document.contains(title)) << title << "\n" << to_hex(bytes);
    EXPECT_EQ(to_hex(document.at(title)), to_hex(bytes)) << title;
  }
  EXPECT_EQ(document.size(), expected().size());
}

TEST(ProtocolDocumentTest, ExamplesAreReadBackWhole) {
  for (const auto& [title, bytes] : documented()) {
    Header header;
    ASSERT_TRUE(read_header(bytes, header)) << title;
    if (header.type == FrameType::request) {
      RequestReader reader(bytes, header);
      int count = 0;
      for (RequestRecord record; reader.next(record);) ++count;
      EXPECT_TRUE(reader.ok() && count == header.count) << title;
    } else {
      ReplyReader reader(bytes, header);
      int count = 0;
      for (ReplyRecord record; reader.next(record);) ++count;
      EXPECT_TRUE((reader.ok() && count == header.count) || header.type == FrameType::hello)
          << title;
    }
  }
}

// Every type of frame has its example.
TEST(ProtocolDocumentTest, EveryTypeIsShown) {
  std::map<int, int> seen;
  for (const auto& [title, bytes] : documented()) {
    Header header;
    ASSERT_TRUE(read_header(bytes, header)) << title;
    ++seen[static_cast<int>(header.type)];
  }
  for (int type = 1; type <= static_cast<int>(FrameType::bye); ++type) {
    EXPECT_GT(seen[type], 0) << type;
  }
}

}  // namespace
}  // namespace depot::messaging
