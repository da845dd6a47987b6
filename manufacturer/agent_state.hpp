// What an agent must remember for its promises to hold over a restart, and how it changes.
//
// A state changes by apply() alone, so what a journal's changes add up to is the state itself.
//
// Threads: values.
// Errors:  decode_change returns nullopt for anything not exactly of this form.
// Source:  docs/MANUFACTURERS.md, "The journal".
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/sync.hpp"

namespace depot::manufacturer {

using Made = std::map<std::string, std::int64_t>;  // units made in a cycle, by sku

// A statement of offers, or a part of one.
struct StatedRecord {
  std::uint32_t flags = 0;  // of its header: messaging::kMoreFollows
  std::string body;
  friend bool operator==(const StatedRecord&, const StatedRecord&) = default;
};

struct AgentState {
  std::string store_id;  // of the data set that the numbers belong to
  std::uint64_t epoch = 0, made = 0, acknowledged = 0;
  std::deque<StatedRecord> records;                  // acknowledged + 1 ... made
  std::string cycle;                                 // the rest is of this one
  std::map<std::string, protocol::OfferRow> offers;  // stated last, by sku; those withdrawn as 0
  bool stated = false;                               // A statement is complete, an empty one too.
  Made produced;
};

// [kind, number, flags, text]
struct Change {
  enum class Kind : std::uint8_t {
    epoch = 1,         // number: the epoch that begins; text: store id
    cycle = 2,         // text: the cycle that begins
    record = 3,        // number: made + 1; flags; text: its body
    acknowledged = 4,  // number: up to here
    produced = 5,      // text: sku; number: units made of it in this cycle
    stated = 6,        // flags; text: an offer record's body, acknowledged long ago
  };
  Kind kind = Kind::epoch;
  std::uint64_t number = 0;
  std::uint32_t flags = 0;
  std::string text = {};
  friend bool operator==(const Change&, const Change&) = default;
};
std::string encode_change(const Change& change);
std::optional<Change> decode_change(std::string_view bytes);

// False, and nothing changed, where the change does not follow. A record of a cycle that has passed
// keeps its number, which the hub may have seen, and nothing else: it is an empty one of that
// cycle.
bool apply(AgentState& state, const Change& change);

// The changes that lead from nothing to `state`.
std::vector<Change> changes_to(const AgentState& state);

}  // namespace depot::manufacturer
