#include "control/supervisor.hpp"

#include <algorithm>
#include <climits>

namespace depot::control {

using State = SupervisedProcess::State;

void Supervisor::want(const std::vector<ProcessSpec>& specs, TimePoint now) {
  if (stopping_) return;
  for (SupervisedProcess& process : processes_) process.wanted = false;
  for (const ProcessSpec& spec : specs) {
    SupervisedProcess* known = find(spec.name);
    if (!known) known = &processes_.emplace_back(SupervisedProcess{.spec = spec, .due = now});
    known->wanted = true;
    known->spec = spec;
  }
}

void Supervisor::stop() {
  stopping_ = true;
  for (SupervisedProcess& process : processes_) process.wanted = false;
}

std::vector<Action> Supervisor::decide(TimePoint now) {
  std::erase_if(processes_, [](const auto& p) { return !p.runs() && !p.wanted; });
  const int rank = rank_to_stop();
  std::vector<Action> actions;
  for (SupervisedProcess& process : processes_) {
    const auto act = [&](Action::Kind kind, TimePoint next) {
      actions.push_back({kind, process.spec.name});
      process.due = next;
    };
    const bool unwanted = process.runs() && process.state != State::stopping && !process.wanted;
    if (unwanted && (!stopping_ || process.spec.rank == rank)) {
      process.state = State::stopping;
      process.not_ready = "stopping";
      act(Action::Kind::terminate, now + process.spec.stop_within);
    } else if (unwanted || now < process.due) {
      continue;
    } else if (process.state == State::waiting) {
      process.state = State::starting;
      process.not_ready = "starting";
      process.started = now;
      act(Action::Kind::start, now + kAskStarting);
    } else if (process.state == State::stopping) {
      act(Action::Kind::kill, TimePoint::max());
    } else {
      act(Action::Kind::ask, now + (process.state == State::ready ? kAskReady : kAskStarting));
    }
  }
  return actions;
}

void Supervisor::on_answer(const std::string& name, const std::string& not_ready, TimePoint now) {
  SupervisedProcess* process = find(name);
  if (!process || !process->runs() || process->state == State::stopping) return;
  process->not_ready = not_ready;
  if (!not_ready.empty() || process->state == State::ready) return;
  process->state = State::ready;
  process->back_off = {};
  process->due = now + kAskReady;
}

void Supervisor::on_exit(const std::string& name, TimePoint now) {
  SupervisedProcess* process = find(name);
  if (!process || !process->runs()) return;
  if (process->state == State::starting) {
    process->back_off = std::clamp(process->back_off * 2, kBackOffMin, kBackOffMax);
  }
  const bool asked_to_end = process->state == State::stopping;
  process->due = now + (asked_to_end ? Duration{} : process->back_off);
  process->restarts += asked_to_end ? 0 : 1;
  process->state = State::waiting;
  process->not_ready = "has ended";
}

bool Supervisor::nothing_runs() const {
  return std::ranges::none_of(processes_, [](const auto& p) { return p.runs(); });
}

bool Supervisor::settled() const {
  return std::ranges::all_of(processes_, [](const auto& p) {
    return p.wanted && p.state == State::ready && p.not_ready.empty();
  });
}

SupervisedProcess* Supervisor::find(const std::string& name) {
  const auto found =
      std::ranges::find_if(processes_, [&](const auto& p) { return p.spec.name == name; });
  return found == processes_.end() ? nullptr : &*found;
}

int Supervisor::rank_to_stop() const {
  int rank = INT_MAX;
  for (const SupervisedProcess& process : processes_) {
    if (process.runs() && !process.wanted) rank = std::min(rank, process.spec.rank);
  }
  return rank;
}

}  // namespace depot::control
