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
  std::vector<Action> actions;
  const int rank = rank_to_stop();
  for (SupervisedProcess& process : processes_) {
    const std::string& name = process.spec.name;
    if (process.runs() && process.state != State::stopping && !process.wanted) {
      if (stopping_ && process.spec.rank != rank) continue;
      process.state = State::stopping;
      process.not_ready = "stopping";
      process.due = now + process.spec.stop_within;
      actions.push_back({Action::Kind::terminate, name});
      continue;
    }
    if (now < process.due) continue;
    switch (process.state) {
      case State::waiting:
        process.state = State::starting;
        process.not_ready = "starting";
        process.started = now;
        process.due = now + kAskStarting;
        actions.push_back({Action::Kind::start, name});
        break;
      case State::starting:
      case State::ready:
        process.due = now + (process.state == State::ready ? kAskReady : kAskStarting);
        actions.push_back({Action::Kind::ask, name});
        break;
      case State::stopping:
        process.due = TimePoint::max();
        actions.push_back({Action::Kind::kill, name});
        break;
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
