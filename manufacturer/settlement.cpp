#include "manufacturer/settlement.hpp"

#include <algorithm>
#include <iterator>

#include "base/ids.hpp"
#include "protocol/fields.hpp"
#include "protocol/statement_text.hpp"

namespace depot::manufacturer {

using protocol::CycleState;
using protocol::Statement;

namespace {

constexpr Duration kFailedWait = std::chrono::seconds(10);
constexpr std::size_t kDetailMax = 200;  // bytes

std::string detail_of(const std::vector<std::string>& differences) {
  std::string detail;
  for (const std::string& line : differences) detail += (detail.empty() ? "" : "; ") + line;
  return detail.substr(0, kDetailMax);
}

std::string problem_of(std::string_view answer) {
  const auto problem = protocol::decode_problem(answer);
  return problem ? problem->detail : "an answer that cannot be read";
}

}  // namespace

Settlement::Settlement(Agent& agent, std::string manufacturer, std::optional<std::int64_t> fee_rate,
                       SettlementHooks hooks)
    : agent_(agent),
      manufacturer_(std::move(manufacturer)),
      fee_rate_(fee_rate),
      hooks_(std::move(hooks)) {}

bool Settlement::on_entry(const protocol::LedgerEntry& entry, bool kept) {
  const CycleState state = entry.transition.state;
  const auto found = std::ranges::find(due_, entry.cycle);
  if (entry.kind != protocol::LedgerKind::cycle || !is_name_part(entry.cycle)) return false;
  if (state == CycleState::settling && found == due_.end()) due_.push_back(entry.cycle);
  if (state != CycleState::settled || (found != due_.end() && !kept)) return false;
  if (found != due_.end()) due_.erase(found);
  return due_.empty();  // Else an older one still needs what is behind it.
}

void Settlement::on_tick(TimePoint now) {
  if (failed_) again_ = now + kFailedWait;
  failed_ = false;
  if (asking_ || due_.empty() || now < again_) return;
  const std::string& cycle = due_.front();
  std::string body;
  protocol::write_array(body, "statement", cycle);
  asking_ = agent_.ask(std::move(body), [this, cycle](std::string_view answer) {
    asking_ = false;
    if (!due_.empty() && due_.front() == cycle) on_statement(cycle, answer);
  });
}

void Settlement::on_statement(const std::string& cycle, std::string_view answer) {
  if (answer == "O\xC0") {  // An older state of the data was restored, and the cycle goes on there.
    due_.pop_front();
    return hooks_.on_trouble("no statement of cycle " + cycle + " is there");
  }
  if (!answer.starts_with('O')) return fail(problem_of(answer));
  const auto answered = protocol::decode_answered_statement(answer);
  if (!answered) return fail("a statement of cycle " + cycle + " that cannot be read");
  const Statement& theirs = answered->statement;
  const std::optional<Statement> ours = agent_.ledger().statement(
      cycle, manufacturer_, theirs.currency, fee_rate_.value_or(theirs.fee_rate));
  if (!ours) return fail("the ledger of cycle " + cycle + " is not here");
  std::vector<std::string> found = differences(theirs, *ours);
  std::ranges::move(agent_.ledger().contradictions(cycle), std::back_inserter(found));
  if (theirs.fee_rate != ours->fee_rate) {
    found.insert(found.begin(), "the fee is " + protocol::fee_percent_of(theirs.fee_rate) +
                                    " %, and not " + protocol::fee_percent_of(ours->fee_rate) +
                                    " % as agreed");
  }
  if (!hooks_.keep(theirs, found)) return fail("the statement of cycle " + cycle + " is not kept");
  const bool said = answered->agrees && (*answered->agrees == 1 || !found.empty());
  if (said) return finish();
  if (!found.empty()) hooks_.on_trouble("cycle " + cycle + ": " + detail_of(found));
  std::string body;
  protocol::write_array(body, "agree", cycle, protocol::hash_of(theirs),
                        std::int64_t{found.empty()}, detail_of(found));
  asking_ = agent_.ask(std::move(body), [this, cycle](std::string_view done) {
    asking_ = false;
    if (!due_.empty() && due_.front() == cycle) on_agreed(cycle, done);
  });
}

void Settlement::on_agreed(const std::string& cycle, std::string_view answer) {
  if (answer.starts_with('O')) return finish();
  fail("cycle " + cycle + ": " + problem_of(answer));
}

void Settlement::finish() {
  agent_.forget(due_.front());
  due_.pop_front();
}

void Settlement::fail(const std::string& why) {
  failed_ = true;
  hooks_.on_trouble(why);
}

}  // namespace depot::manufacturer
