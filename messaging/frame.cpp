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

std::size_t head_of(const RequestRecord&) { return kRequestRecordHead; }
std::size_t head_of(const ReplyRecord&) { return kReplyRecordHead; }

void read_fields(FieldReader in, RequestRecord& record) {
  record.tag = in.get<std::uint32_t>();
  record.budget_us = in.get<std::uint32_t>();
  record.tenant = in.get<std::uint32_t>();
  record.kind = in.get<std::uint8_t>();
  record.attempt = in.get<std::uint8_t>();
  record.flags = in.get<std::uint8_t>();
  in.get<std::uint8_t>();
  record.request_id = in.get<RequestId>();
}

void read_fields(FieldReader in, ReplyRecord& record) {
  record.tag = in.get<std::uint32_t>();
  record.status = in.get<std::uint16_t>();
  record.retry_after_ms = in.get<std::uint16_t>();
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
      .put(std::uint8_t{0})
      .put(record.request_id);
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

template <typename Record>
RecordReader<Record>::RecordReader(std::string_view frame, const Header& header)
    : rest_(frame.substr(std::min(frame.size(), kHeaderSize))), left_(header.count) {}

template <typename Record>
bool RecordReader<Record>::next(Record& record) {
  const std::size_t head = head_of(record);
  if (left_ == 0 || rest_.size() < head) {
    ok_ = ok_ && left_ == 0 && rest_.empty();
    return false;
  }
  FieldReader in(rest_.data());
  const std::size_t size = kLengthSize + in.get<std::uint32_t>();
  if (size < head || size > kRecordBytesMax || size > rest_.size()) {
    ok_ = false;
    return false;
  }
  read_fields(in, record);
  record.body = rest_.substr(head, size - head);
  rest_.remove_prefix(size);
  --left_;
  return true;
}

template class RecordReader<RequestRecord>;
template class RecordReader<ReplyRecord>;

}  // namespace depot::messaging
