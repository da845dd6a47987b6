#include "manufacturer/commands.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/ids.hpp"
#include "http/problem.hpp"
#include "protocol/fields.hpp"

namespace depot::manufacturer {

using http::problem_response;
using protocol::PartStatus;
using protocol::Problem;

namespace {

constexpr Duration kCommandMax = std::chrono::seconds(10);

http::Response unavailable(std::string_view why) {
  http::Response response = problem_response(Problem::unavailable, why);
  add_retry_after(response);
  return response;
}

}  // namespace

void Commands::put(std::string path, Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    if (inbox_.size() < kUnderWayMax) {
      inbox_.push_back({.path = std::move(path), .answer = std::move(answer)});
      return;
    }
  }
  answer(unavailable("Too many commands at once."));
}

void Commands::on_tick(TimePoint now) {
  std::vector<Command> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(inbox_);
  }
  for (Command& command : fresh) begin(std::move(command), now);
  std::vector<std::pair<std::uint64_t, http::Response>> done;
  for (const auto& [key, command] : under_way_) {
    const Position& to = command.accepting;
    if (to != Position{} && agent_.accepted() >= to) {
      done.push_back(
          {key, {.body = fmt::format(R"({{"accepted":"{}-{}"}})", to.epoch, to.number)}});
    } else if (now >= command.deadline) {
      done.push_back({key, unavailable("The distributor does not answer; say it again.")});
    }
  }
  for (auto& [key, response] : done) finish(key, std::move(response));
}

void Commands::begin(Command command, TimePoint now) {
  if (under_way_.size() >= kUnderWayMax) {
    return command.answer(unavailable("Too many commands at once."));
  }
  const std::string path = command.path;
  const std::uint64_t key = ++newest_;
  Command& begun = under_way_[key] = std::move(command);
  begun.deadline = now + kCommandMax;
  const std::size_t slash = path.find('/', 1);
  const std::string verb = path.substr(0, slash);
  if (path == "/accept") {
    begun.accepting = agent_.accept_all();
    if (begun.accepting == Position{}) {
      finish(key, problem_response(Problem::not_found, "Nothing of the ledger is here yet."));
    }
  } else if (slash != path.npos && (verb == "/ship" || verb == "/delivered")) {
    step(key, verb, path.substr(slash + 1));
  } else {
    finish(key, problem_response(Problem::not_found, "No such command of an agent."));
  }
}

void Commands::step(std::uint64_t key, std::string_view verb, const std::string& order) {
  if (!is_id(order)) {
    return finish(key, problem_response(Problem::malformed, "An order's id has 16 characters."));
  }
  const PartStatus status = verb == "/ship" ? PartStatus::shipped : PartStatus::delivered;
  std::string body;
  protocol::write_array(body, "step", order, static_cast<std::int64_t>(status));
  const auto done = [this, key, order, status](std::string_view answer) {
    if (answer.starts_with('O')) {
      return finish(key, {.body = fmt::format(R"({{"order_id":"{}","status":"{}"}})", order,
                                              name_of(status))});
    }
    const auto problem = protocol::decode_problem(answer);
    finish(key, problem ? problem_response(problem->problem, problem->detail)
                        : problem_response(Problem::internal, "An answer that cannot be read."));
  };
  if (!agent_.ask(std::move(body), done)) finish(key, unavailable("Too many questions at once."));
}

void Commands::finish(std::uint64_t key, http::Response response) {
  const auto found = under_way_.find(key);
  if (found == under_way_.end()) return;  // It was late.
  found->second.answer(std::move(response));
  under_way_.erase(found);
}

}  // namespace depot::manufacturer
