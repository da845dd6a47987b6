// simulator: runs simulated Depots, each by its seed, and says what they came to. Where a promise
// is broken it takes out of the schedule what is not needed for that, prints the rest and the
// command that runs it again, and ends with 1.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "tests/simulator/shrink.hpp"
#include "tests/simulator/world.hpp"

namespace {

using namespace depot;
using namespace depot::simulator;
using namespace std::chrono_literals;

constexpr const char* kUsage = R"(simulator [--seed N | --seeds A..B | --hours H] [options]
  --hours H       as many seeds from --seed on as make H simulated hours
  --minutes M     of one run (default 10)
  --jobs J        processes at a time (default 1)
  --trace         every action, on standard output
  --mistake NAME  planted, to be found
  --schedule -    the actions by standard input, as a failed run prints them
  --no-shrink
)";

struct Arguments {
  std::uint64_t first = 1, last = 1;
  std::int64_t hours = 0, minutes = 10, jobs = 1;
  bool trace = false, shrinks = true, given = false;
  Mistake mistake = Mistake::none;
};

volatile std::uint64_t running = 0;  // the seed

void on_abort(int) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, "aborted in the run of --seed %llu\n",
                                 static_cast<unsigned long long>(running));
  if (size > 0 && write(STDERR_FILENO, text, static_cast<std::size_t>(size)) < 0) _exit(1);
  std::signal(SIGABRT, SIG_DFL);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool parse(int argc, char** argv, Arguments& out) {
  bool seeds = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--trace") {
      out.trace = true;
    } else if (option == "--no-shrink") {
      out.shrinks = false;
    } else if (i + 1 == argc) {
      return false;
    } else if (const std::string_view value = argv[++i]; option == "--schedule") {
      out.given = value == "-";
    } else if (option == "--mistake") {
      const auto known = std::ranges::find(kMistakes, value);
      if (known == kMistakes.end()) return false;
      out.mistake = static_cast<Mistake>(known - kMistakes.begin());
    } else if (const std::size_t dots = value.find(".."); option == "--seeds") {
      const auto from = number(value.substr(0, dots));
      const auto to = dots < value.size() ? number(value.substr(dots + 2)) : std::nullopt;
      if (!from || !to) return false;
      out.first = *from, out.last = *to, seeds = true;
    } else {
      const auto amount = number(value);
      if (!amount) return false;
      if (option == "--seed") {
        out.first = out.last = *amount;
      } else if (option == "--hours") {
        out.hours = static_cast<std::int64_t>(*amount);
      } else if (option == "--minutes") {
        out.minutes = std::max<std::int64_t>(1, static_cast<std::int64_t>(*amount));
      } else if (option == "--jobs") {
        out.jobs = std::max<std::int64_t>(1, static_cast<std::int64_t>(*amount));
      } else {
        return false;
      }
    }
  }
  if (out.hours > 0 && !seeds) {
    out.last = out.first +
               static_cast<std::uint64_t>((out.hours * 60 + out.minutes - 1) / out.minutes) - 1;
  }
  return true;
}

Schedule read_schedule() {
  Schedule schedule;
  for (std::string line; std::getline(std::cin, line);) {
    if (const auto action = depot::simulator::parse(line)) schedule.push_back(*action);
  }
  return schedule;
}

void show_failure(const Arguments& arguments, Options options, Schedule schedule, Report report) {
  fmt::print("seed {}: after {:.3f} s: {}\n", options.seed,
             std::chrono::duration<double>(report.at).count(), report.violation);
  if (!arguments.shrinks) return;
  const std::size_t before = schedule.size();
  options.trace = false;
  const auto early = [&](const Action& action) { return action.at_ms * 1ms > report.at; };
  std::erase_if(schedule, early);
  const auto run = [&](const Schedule& some) { return World(options, some).run(); };
  schedule = shrink(schedule, [&](const Schedule& some) { return !run(some).violation.empty(); });
  report = run(schedule);
  fmt::print("{} of {} actions are enough; then, after {:.3f} s: {}\n\n", schedule.size(), before,
             std::chrono::duration<double>(report.at).count(), report.violation);
  fmt::print(
      "simulator --seed {} --minutes {} {}--no-shrink --trace --schedule - <<END\n", options.seed,
      arguments.minutes,
      options.mistake == Mistake::none
          ? ""
          : fmt::format("--mistake {} ", kMistakes[static_cast<std::size_t>(options.mistake)]));
  for (const Action& action : schedule) fmt::print("{}\n", to_text(action));
  fmt::print("END\n");
}

// Every `step`th seed from `first` on. The number of those that failed, at most 1 with shrinking.
int run_seeds(const Arguments& arguments, std::uint64_t first, std::uint64_t step, Report& sum) {
  int failed = 0;
  for (std::uint64_t seed = first; seed <= arguments.last; seed += step) {
    running = seed;
    const Options options{.seed = seed,
                          .length = std::chrono::minutes(arguments.minutes),
                          .mistake = arguments.mistake,
                          .trace = arguments.trace};
    const Schedule schedule =
        arguments.given ? read_schedule() : schedule_for(seed, options.length);
    const Report report = World(options, schedule).run();
    sum.add(report);
    if (report.violation.empty()) continue;
    show_failure(arguments, options, schedule, report);
    std::fflush(stdout);
    ++failed;
    if (arguments.shrinks) break;
  }
  return failed;
}

void print(const Report& sum, std::uint64_t runs) {
  fmt::print(
      "{} runs, {:.1f} simulated hours, {} turns, {} faults; {} purchases: {} placed, {} refused, "
      "{} said again; {} times 503, {} 504, {} 500, {} no answer; {} ledger entries; every "
      "answer definite {} ms after healing; trace {:016x}\n",
      runs, std::chrono::duration<double>(sum.simulated).count() / 3600, sum.turns, sum.faults,
      sum.purchases, sum.acknowledged, sum.refused, sum.repeats, sum.unavailable, sum.timeouts,
      sum.failed, sum.lost, sum.entries, sum.longest_open / 1ms, sum.hash);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fputs(kUsage, stderr);
    return 64;
  }
  std::signal(SIGABRT, on_abort);
  const auto jobs = static_cast<std::uint64_t>(arguments.jobs);
  std::vector<pid_t> others;
  std::uint64_t job = 0;
  for (std::uint64_t i = 1; i < jobs; ++i) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      job = i;
      others.clear();
      break;
    }
    others.push_back(child);
  }
  Report sum;
  const int failed = run_seeds(arguments, arguments.first + job, jobs, sum);
  const std::uint64_t seeds = arguments.last + 1 - arguments.first;
  print(sum, seeds / jobs + (job < seeds % jobs));
  bool good = failed == 0;
  for (const pid_t other : others) {
    int status = 0;
    good = waitpid(other, &status, 0) == other && status == 0 && good;
  }
  return good ? 0 : 1;
}
