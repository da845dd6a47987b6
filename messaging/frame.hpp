// Frames of the request half: a 24-byte header and records, without ever looking into a body.
//
//   header   u8 magic=0x5A | u8 version=1 | u8 type | u8 flags | u16 count | u16 0 |
//            u32 session | u32 credit_limit | u64 aux                                   (LE)
//   request  u32 length | u32 tag | u32 budget_us | u32 tenant | u8 kind | u8 attempt | u8 flags |
//            u8 0 | 16 B request id | body            length counts everything behind itself
//   reply    u32 length | u32 tag | u16 status | u16 retry_after_ms | body
//
// Threads: values.
// Errors:  readers return false on a malformed frame and leave the rest unread.
// Source:  docs/PROTOCOL.md, "Requests".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace depot::messaging {

inline constexpr std::size_t kHeaderSize = 24;
inline constexpr std::size_t kRequestRecordHead = 36;  // bytes before the body, length included
inline constexpr std::size_t kReplyRecordHead = 12;
inline constexpr std::size_t kFrameRecordsMax = 256;
inline constexpr std::size_t kFrameBytesMax = 32 * 1024;  // a larger record travels alone
// The largest is a part-filled order of 1,024 lines, each of another manufacturer: 84 bytes of its
// part, 79 of what was sold, 142 of what was not, and a status make 306 KiB.
inline constexpr std::size_t kRecordBytesMax = 320 * 1024;

enum class FrameType : std::uint8_t {
  hello = 1,    // aux = instance; body: u8 role, name
  welcome = 2,  // session, credit_limit
  reset = 3,    // unknown session: say hello again
  request = 4,
  reply = 5,
  credit = 6,
  ping = 7,
  pong = 8,
  drain = 9,
  drained = 10,  // aux = how many it sent in the session
  bye = 11,
};

enum class Role : std::uint8_t { gateway = 1, worker = 2 };

// The side that answers puts its clock into these frames as aux; the side that asks puts there the
// newest that it heard. So a request shows how long ago, at most, its asker was still listening.
constexpr bool carries_stamp(FrameType type) {
  return type == FrameType::request || type == FrameType::reply || type == FrameType::credit ||
         type == FrameType::ping;
}
constexpr std::uint64_t stamp_of(TimePoint now) {
  return static_cast<std::uint64_t>(now.time_since_epoch().count());
}
// How old a stamp of ours is; Duration::max() for one that is from the future, so none of ours.
constexpr Duration age_of(std::uint64_t stamp, TimePoint now) {
  return stamp > stamp_of(now) ? Duration::max()
                               : Duration(static_cast<std::int64_t>(stamp_of(now) - stamp));
}

// Of a worker's frames: no Redis. Of a balancer's to a gateway: no worker that has it.
inline constexpr std::uint8_t kFlagBackendDown = 1;
inline constexpr std::uint8_t kRecordAlone = 1;  // of a request record: a batch of its own

// As on the wire, and so in its order.
struct Header {
  std::uint8_t magic = 0x5A;
  std::uint8_t version = 1;
  FrameType type = FrameType::ping;
  std::uint8_t flags = 0;
  std::uint16_t count = 0;
  std::uint16_t reserved = 0;
  std::uint32_t session = 0;
  std::uint32_t credit_limit = 0;
  std::uint64_t aux = 0;
};
void write_header(const Header& header, std::string& out);  // appends 24 bytes
void patch_header(const Header& header, std::string& out);  // overwrites the first 24
bool read_header(std::string_view frame, Header& header);   // magic, version, known type
// In every frame of the side that asks credit_limit says how many requests it has sent in the
// session, those in the frame among them. How many that is more than `before`: 0 for a frame that
// came twice or was overtaken, and more than its own where others were lost.
std::uint32_t sent_since(std::uint32_t before, const Header& header);

// A record, as on the wire up to the body: a view into the frame that it was read from. Appending
// sets the length. REQUIRES: head + body size <= kRecordBytesMax.
struct RequestRecord {
  std::uint32_t length = 0;
  std::uint32_t tag = 0;
  std::uint32_t budget_us = 0;
  std::uint32_t tenant = 0;
  std::uint8_t kind = 0;
  std::uint8_t attempt = 0;
  std::uint8_t flags = 0;
  std::uint8_t reserved = 0;
  RequestId request_id{};
  std::string_view body{};
};
void append_request(const RequestRecord& record, std::string& out);

struct ReplyRecord {
  std::uint32_t length = 0;
  std::uint32_t tag = 0;
  std::uint16_t status = 0;
  std::uint16_t retry_after_ms = 0;
  std::string_view body{};
};
void append_reply(const ReplyRecord& record, std::string& out);

// Walks the records behind a header: while (next(record)) ...; then check ok().
template <typename Record>
class RecordReader {
 public:
  RecordReader(std::string_view frame, const Header& header);
  bool next(Record& record);
  bool ok() const { return ok_; }  // False: lengths or count did not fit; what was read is good.

 private:
  std::string_view rest_;
  std::uint16_t left_;
  bool ok_ = true;
};
extern template class RecordReader<RequestRecord>;
extern template class RecordReader<ReplyRecord>;
using RequestReader = RecordReader<RequestRecord>;
using ReplyReader = RecordReader<ReplyRecord>;

}  // namespace depot::messaging
