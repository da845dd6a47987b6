// Every message between processes: frames and records, sync headers and topics, the bodies.
//
// Promises: what is decoded, encoded and decoded again is the same; nothing is taken with a byte
// too many or one too few; a frame's records, written anew, are the frame.
#include "messaging/frame.hpp"
#include "messaging/sync_frame.hpp"
#include "protocol/accounts.hpp"
#include "protocol/carts.hpp"
#include "protocol/manufacturers.hpp"
#include "protocol/msgpack.hpp"
#include "protocol/statement.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace depot::fuzz {
namespace {

using namespace depot::messaging;
using namespace depot::protocol;

// Ends exactly where the message does.
template <auto decode>
void check_exact(std::string_view bytes) {
  if (!decode(bytes)) return;
  must(!decode(std::string(bytes) + '\xC0'), "nothing may stand behind a body");
  must(!decode(bytes.substr(0, bytes.size() - 1)), "nothing of a body may be missing");
}

template <auto decode>
void check_body(std::string_view bytes) {
  check_exact<decode>(bytes);
  const auto value = decode(bytes);
  if (!value) return;
  std::string once;
  encode(*value, once);
  const auto again = decode(once);
  must(again.has_value(), "decode(encode(x)) is there");
  must(*again == *value, "decode(encode(x)) == x");
}

std::optional<OfferRecord> offer_record(std::string_view bytes) {
  std::string why;
  return decode_offer_record(bytes, &why);
}

void check_problem(std::string_view bytes) {
  check_exact<decode_problem>(bytes);
  const auto problem = decode_problem(bytes);
  if (!problem) return;
  const std::string once = encode_problem(*problem);
  const auto again = decode_problem(once);
  must(again && encode_problem(*again) == once, "decode(encode(problem)) == problem");
}

void check_cycle_reply(std::string_view bytes) {
  check_exact<decode_cycle_reply>(bytes);
  const bool bare = bytes.starts_with('O') && decode_cycle(bytes.substr(1));
  must(bare == decode_cycle_reply(bytes).has_value(), "a reply is O and the cycle");
}

template <typename Record, void (*append)(const Record&, std::string&)>
void check_records(std::string_view frame, const Header& header, std::string again) {
  RecordReader<Record> reader(frame, header);
  Record record;
  while (reader.next(record)) {
    must(record.body.size() <= kRecordBytesMax, "a record keeps to its limit");
    append(record, again);
  }
  must(frame.starts_with(again), "records, written anew, are what stood there");
  must(!reader.ok() || again == frame, "a frame that is well was read to its end");
}

void check_frame(std::string_view frame) {
  Header header;
  if (!read_header(frame, header)) return;
  std::string again;
  write_header(header, again);
  check_records<RequestRecord, append_request>(frame, header, again);
  check_records<ReplyRecord, append_reply>(frame, header, again);
}

void check_sync_frame(std::string_view frame) {
  SyncHeader header;
  if (!read_sync_header(frame, header)) return;
  std::string again;
  write_sync_header(header, again);
  must(again == frame.substr(0, kSyncHeaderSize), "a header written anew is the same");
  Follower follower;
  must(follower.see(header) == Follower::Step::gap, "without a position there is a gap");
  follower.set(header.epoch, header.from - 1);
  const Follower::Step step = follower.see(header);
  must(step != Follower::Step::apply || follower.last() == header.to, "to is the new position");
  if (step == Follower::Step::apply) {
    must(follower.see(header) == Follower::Step::duplicate, "nothing is applied twice");
  }
}

void check_topic(std::string_view topic) {
  std::string_view kind, id;
  if (!split_topic(topic, kind, id)) return;
  std::string again = std::string(kind) + "/";
  if (!id.empty()) again.append(id).append("/");
  must(again == topic, "a topic is its kind and its id");
}

// Any value is skipped in the bytes that it has, and read back as it was written.
void check_msgpack(Input& input) {
  Reader skipped(input.rest());
  skipped.skip();
  if (skipped.ok()) {
    const std::size_t size = input.rest().size() - skipped.rest().size();
    Reader exact(input.rest().substr(0, size));
    exact.skip();
    must(exact.done(), "a value ends where it ended");
  }
  std::int64_t number = 0;
  for (int i = input.byte() % 9; i > 0; --i) number = number * 256 + (input.byte() ^ 0x55) % 128;
  const std::string_view text = input.rest();
  std::string out;
  Writer(out).array(4).integer(number).integer(-number).string(text).boolean(text.empty());
  Reader reader(out);
  must(reader.array() == 4 && reader.integer() == number && reader.integer() == -number &&
           reader.string() == text && reader.boolean() == text.empty() && reader.done(),
       "what was written is read");
}

using Check = void (*)(std::string_view bytes);
constexpr Check kChecks[] = {
    check_frame,
    check_sync_frame,
    check_topic,
    check_problem,
    check_cycle_reply,
    check_body<decode_cycle>,
    check_body<decode_create_account>,
    check_body<decode_log_in>,
    check_body<decode_change_account>,
    check_body<decode_delete_account>,
    check_body<offer_record>,
    check_body<decode_sync_hello>,
    check_body<decode_sync_welcome>,
    check_body<decode_sync_ask>,
    check_body<decode_catalogue_record>,
    check_body<decode_stock_record>,
    check_body<decode_statement>,
    // Written by the store's functions only.
    check_exact<decode_logged_in>,
    check_exact<decode_account>,
    check_exact<decode_cart>,
    check_exact<decode_order_row>,
    check_exact<decode_refusal>,
    check_exact<decode_order_view>,
    check_exact<decode_order_page>,
    check_exact<decode_own_offers>,
    check_exact<decode_sales_page>,
    check_exact<decode_statement_piece>,
    check_exact<decode_statements_page>,
    check_exact<decode_manufacturer_page>,
    check_exact<decode_answered_statement>,
    check_exact<decode_ledger_entry>,
};

}  // namespace
}  // namespace depot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using depot::fuzz::kChecks;
  depot::fuzz::Input input(data, size);
  const std::size_t which = input.byte() % (std::size(kChecks) + 1);
  if (which == std::size(kChecks)) {
    depot::fuzz::check_msgpack(input);
  } else {
    kChecks[which](input.rest());
  }
  return 0;
}
