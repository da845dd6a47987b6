// Headers and topics of the sync half: PUB/SUB announcements and the ROUTER/DEALER repair.
//
//   [topic "<kind>/<id>/"] [header 40 B] [body]           on PUB/SUB (three frames)
//   [header 40 B | body]                                  on sync (one frame)
//   header  u16 magic=0x5A53 | u8 version=1 | u8 type | u32 flags | u64 epoch | u64 from | u64 to |
//           u64 time_us                                    (LE)
//
// A HEAD covers [from, to] like a record, with nothing in it. One that only announces `to` (what it
// covers must be fetched) has from = to + 1: a Follower then sees a gap, never something to apply.
// "No position yet" is kNoPosition, a value of its own and not 0.
//
// Threads: values.
// Source:  docs/PROTOCOL.md, "Sync"; after RFC 46 (DAFKA) and the Clone pattern.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace depot::messaging {

inline constexpr std::size_t kSyncHeaderSize = 40;
inline constexpr std::uint64_t kNoPosition = UINT64_MAX;
inline constexpr std::size_t kSnapshotPartBytesMax = 256 * 1024;

enum class SyncType : std::uint8_t {
  record = 1,    // covers numbers [from, to]
  head = 2,      // an empty record: to = the newest number
  hello = 3,     // sync; body SyncHello
  welcome = 4,   // sync; body SyncWelcome
  ack = 5,       // sync; to = cumulative
  accept = 6,    // sync; epoch, to: sales up to here are accepted
  fetch = 7,     // sync; epoch, from
  snapshot = 8,  // sync; a request (no body) or a part (to = its number; flags: 0, 1, 2...)
  end = 9,       // sync; the answer to a fetch or snapshot is complete; to = its last number
  error = 10,    // sync; body: a sentence; flags: SyncError
  ask = 11,      // sync, a manufacturer's; from = its ticket; body [verb, argument, ...]
  answer = 12,   // sync; from = the ticket; flags: 0, 1, 2... of `to` parts; a piece of the answer
};

// What the receiver of an ERROR does next.
enum class SyncError : std::uint32_t {
  say_hello = 1,  // the hub knows no session of this connection (any more)
  refused = 2,    // for good: an unknown manufacturer, somebody else's ledger, a malformed frame
  busy = 3,       // another connection is this manufacturer now: try again in a second
};

// A flag of a manufacturer's RECORD: what it says of its offers goes on in the next.
inline constexpr std::uint32_t kMoreFollows = 1;

// Flags of a RECORD that answers a gateway's FETCH: the topic it would have had on `out`.
enum class PublicKind : std::uint32_t { stock = 1, catalogue = 2, cycle = 3 };

struct SyncHeader {
  SyncType type = SyncType::head;
  std::uint32_t flags = 0;
  std::uint64_t epoch = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t time_us = 0;
};
void write_sync_header(const SyncHeader& header, std::string& out);
bool read_sync_header(std::string_view bytes, SyncHeader& header);  // exact magic, version, type

// "stock/", "offer/m1/": kind and id of a topic. False when it is not of that form.
bool split_topic(std::string_view topic, std::string_view& kind, std::string_view& id);

// Follows one numbered stream: what to do with a record or head that covers [from, to].
class Follower {
 public:
  enum class Step { apply, duplicate, gap, other_epoch };

  bool has_position() const { return last_ != kNoPosition; }
  std::uint64_t epoch() const { return epoch_; }
  std::uint64_t last() const { return last_; }
  void set(std::uint64_t epoch, std::uint64_t last) { epoch_ = epoch, last_ = last; }
  void forget() { last_ = kNoPosition; }

  // apply: position moves to header.to. duplicate: nothing new. gap: fetch from last()+1 (or take a
  // snapshot without a position). other_epoch: take a snapshot.
  Step see(const SyncHeader& header);

 private:
  std::uint64_t epoch_ = 0;
  std::uint64_t last_ = kNoPosition;
};

}  // namespace depot::messaging
