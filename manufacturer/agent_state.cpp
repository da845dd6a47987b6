#include "manufacturer/agent_state.hpp"

#include <algorithm>

#include "messaging/sync_frame.hpp"
#include "protocol/fields.hpp"

namespace depot::manufacturer {

using protocol::OfferRecord;
using protocol::OfferRow;
using Kind = Change::Kind;

namespace {

std::string body_of(const OfferRecord& record) {
  std::string body;
  encode(record, body);
  return body;
}

void note_stated(AgentState& state, const OfferRecord& record, std::uint32_t flags) {
  for (const OfferRow& row : record.rows) state.offers[row.sku] = row;
  state.stated = state.stated || (flags & messaging::kMoreFollows) == 0;
}

bool add_record(AgentState& state, const Change& change) {
  if (change.number != state.made + 1) return false;
  const std::optional<OfferRecord> record = protocol::decode_offer_record(change.text);
  if (record && record->cycle == state.cycle) note_stated(state, *record, change.flags);
  state.records.push_back({change.flags, change.text});
  state.made = change.number;
  return true;
}

void begin_cycle(AgentState& state, const std::string& cycle) {
  const std::string nothing = body_of({state.cycle, {}});
  for (StatedRecord& record : state.records) record = {0, nothing};
  state.cycle = cycle;
  state.offers.clear();
  state.stated = false;
  state.produced.clear();
}

void acknowledge(AgentState& state, std::uint64_t number) {
  const std::uint64_t count = number - std::min(number, state.acknowledged);
  const std::uint64_t held = std::min<std::uint64_t>(count, state.records.size());
  state.records.erase(state.records.begin(),
                      state.records.begin() + static_cast<std::ptrdiff_t>(held));
  state.acknowledged = std::max(state.acknowledged, number);
  state.made = std::max(state.made, number);
}

}  // namespace

std::string encode_change(const Change& change) {
  std::string bytes;
  protocol::write_array(bytes, static_cast<std::int64_t>(change.kind),
                        static_cast<std::int64_t>(change.number),
                        static_cast<std::int64_t>(change.flags), change.text);
  return bytes;
}

std::optional<Change> decode_change(std::string_view bytes) {
  return protocol::decode_array<Change>(bytes, 4, [](protocol::Reader& reader, Change& change) {
    change.kind = static_cast<Kind>(
        reader.integer(static_cast<int>(Kind::epoch), static_cast<int>(Kind::stated)));
    change.number = reader.unsigned_integer();
    change.flags = static_cast<std::uint32_t>(reader.integer(0, UINT32_MAX));
    read(reader, change.text);
  });
}

bool apply(AgentState& state, const Change& change) {
  switch (change.kind) {
    case Kind::epoch:
      if (change.text != state.store_id) state = {};
      state.store_id = change.text;
      state.epoch = change.number;
      state.made = state.acknowledged = 0;
      state.records.clear();
      state.offers.clear();
      state.stated = false;
      return true;
    case Kind::cycle:
      if (change.text != state.cycle) begin_cycle(state, change.text);
      return true;
    case Kind::record:
      return add_record(state, change);
    case Kind::acknowledged:
      acknowledge(state, change.number);
      return true;
    case Kind::produced:
      state.produced[change.text] = static_cast<std::int64_t>(change.number);
      return true;
    case Kind::stated: {
      if (!state.records.empty()) return false;  // These say what was stated last.
      const std::optional<OfferRecord> record = protocol::decode_offer_record(change.text);
      if (record) note_stated(state, *record, change.flags);
      return record.has_value();
    }
  }
  return false;
}

std::vector<Change> changes_to(const AgentState& state) {
  std::vector<Change> changes = {{Kind::epoch, state.epoch, 0, state.store_id},
                                 {Kind::cycle, 0, 0, state.cycle}};
  const std::uint32_t flags = state.stated ? 0 : messaging::kMoreFollows;
  auto row = state.offers.begin();
  do {
    OfferRecord stated{state.cycle, {}};
    while (row != state.offers.end() && stated.rows.size() < protocol::kOfferRowsPerRecordMax) {
      stated.rows.push_back((row++)->second);
    }
    changes.push_back({Kind::stated, 0, flags, body_of(stated)});
  } while (row != state.offers.end());
  changes.push_back({Kind::acknowledged, state.acknowledged, 0, ""});
  std::uint64_t number = state.acknowledged;
  for (const StatedRecord& record : state.records) {
    changes.push_back({Kind::record, ++number, record.flags, record.body});
  }
  for (const auto& [sku, units] : state.produced) {
    changes.push_back({Kind::produced, static_cast<std::uint64_t>(units), 0, sku});
  }
  return changes;
}

}  // namespace depot::manufacturer
