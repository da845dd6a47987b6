#include "messaging/frame.hpp"

#include <algorithm>

#include "base/fatal.hpp"
#include "messaging/little_endian.hpp"

namespace depot::messaging {
namespace {

constexpr std::uint8_t kMagic = 0x5A;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kLengthSize = 4;

void put_header(const Header& header, char* at) {
  FieldWriter(at)
      .put(kMagic)
      .put(kVersion)
      .put(static_cast<std::uint8_t>(header.type))
      .put(header.flags)
      .put(header.count)
      .put(std::uint16_t{0})
      .put(header.session)
      .put(header.credit_limit)
      .put(header.aux);
}

// Takes the next record of a head of `head_size` bytes off `rest`; empty where none fits.
std::string_view take_record(std::string_view& rest, std::size_t head_size) {
  if (rest.size() < head_size) return {};
  const std::size_t size = kLengthSize + FieldReader(rest.data()).get<std::uint32_t>();
  if (size < head_size || size > kRecordBytesMax || size > rest.size()) return {};
  const std::string_view record = rest.substr(0, size);
  rest.remove_prefix(size);
  return record;
}

std::string_view behind_header(std::string_view frame) {
  return frame.substr(std::min(frame.size(), kHeaderSize));
}

}  // namespace

void write_header(const Header& header, std::string& out) {
  char bytes[kHeaderSize];
  put_header(header, bytes);
  out.append(bytes, sizeof bytes);
}

void patch_header(const Header& header, std::string& out) {
  DEPOT_ASSERT(out.size() >= kHeaderSize);
  put_header(header, out.data());
}

bool read_header(std::string_view frame, Header& header) {
  if (frame.size() < kHeaderSize) return false;
  FieldReader in(frame.data());
  if (in.get<std::uint8_t>() != kMagic || in.get<std::uint8_t>() != kVersion) return false;
  const auto type = in.get<std::uint8_t>();
  if (type < static_cast<std::uint8_t>(FrameType::hello) ||
      type > static_cast<std::uint8_t>(FrameType::bye)) {
    return false;
  }
  header.type = static_cast<FrameType>(type);
  header.flags = in.get<std::uint8_t>();
  header.count = in.get<std::uint16_t>();
  if (in.get<std::uint16_t>() != 0) return false;
  header.session = in.get<std::uint32_t>();
  header.credit_limit = in.get<std::uint32_t>();
  header.aux = in.get<std::uint64_t>();
  return true;
}

void append_request(const RequestRecord& record, std::string& out) {
  DEPOT_ASSERT(kRequestRecordHead + record.body.size() <= kRecordBytesMax);
  char head[kRequestRecordHead];
  FieldWriter(head)
      .put(static_cast<std::uint32_t>(sizeof head - kLengthSize + record.body.size()))
      .put(record.tag)
      .put(record.budget_us)
      .put(record.tenant)
      .put(record.kind)
      .put(record.attempt)
      .put(record.flags)
      .put(std::uint8_t{0});
  std::copy(record.request_id.begin(), record.request_id.end(),
            head + sizeof head - record.request_id.size());
  out.append(head, sizeof head).append(record.body);
}

void append_reply(const ReplyRecord& record, std::string& out) {
  DEPOT_ASSERT(kReplyRecordHead + record.body.size() <= kRecordBytesMax);
  char head[kReplyRecordHead];
  FieldWriter(head)
      .put(static_cast<std::uint32_t>(sizeof head - kLengthSize + record.body.size()))
      .put(record.tag)
      .put(record.status)
      .put(record.retry_after_ms);
  out.append(head, sizeof head).append(record.body);
}

RequestReader::RequestReader(std::string_view frame, const Header& header)
    : rest_(behind_header(frame)), left_(header.count) {}

bool RequestReader::next(RequestRecord& record) {
  if (left_ == 0) {
    ok_ = ok_ && rest_.empty();
    return false;
  }
  --left_;
  const std::string_view bytes = take_record(rest_, kRequestRecordHead);
  if (bytes.empty()) {
    ok_ = false;
    left_ = 0;
    return false;
  }
  FieldReader in(bytes.data() + kLengthSize);
  record.tag = in.get<std::uint32_t>();
  record.budget_us = in.get<std::uint32_t>();
  record.tenant = in.get<std::uint32_t>();
  record.kind = in.get<std::uint8_t>();
  record.attempt = in.get<std::uint8_t>();
  record.flags = in.get<std::uint8_t>();
  std::memcpy(record.request_id.data(),
              bytes.data() + kRequestRecordHead - record.request_id.size(),
              record.request_id.size());
  record.body = bytes.substr(kRequestRecordHead);
  return true;
}

ReplyReader::ReplyReader(std::string_view frame, const Header& header)
    : rest_(behind_header(frame)), left_(header.count) {}

bool ReplyReader::next(ReplyRecord& record) {
  if (left_ == 0) {
    ok_ = ok_ && rest_.empty();
    return false;
  }
  --left_;
  const std::string_view bytes = take_record(rest_, kReplyRecordHead);
  if (bytes.empty()) {
    ok_ = false;
    left_ = 0;
    return false;
  }
  FieldReader in(bytes.data() + kLengthSize);
  record.tag = in.get<std::uint32_t>();
  record.status = in.get<std::uint16_t>();
  record.retry_after_ms = in.get<std::uint16_t>();
  record.body = bytes.substr(kReplyRecordHead);
  return true;
}

}  // namespace depot::messaging
