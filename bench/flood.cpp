#include "bench/flood.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <optional>
#include <string_view>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "bench/tally.hpp"

namespace depot::bench {
namespace {

constexpr int kEventsMax = 256;

double cpu_seconds_of_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto in_seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime);
}

// The head of an answer, as far as a flood cares.
struct Head {
  int status = 0;
  std::size_t size = 0;  // with its body
  bool retry_after = false, closes = false;
};

// nullopt: it is not all there yet.
std::optional<Head> read_answer(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos || bytes.size() < 12) return std::nullopt;
  Head head{.status = std::atoi(bytes.data() + 9), .size = end + 4};
  const auto is = [&](std::size_t at, std::string_view name) {
    return bytes.size() - at > name.size() &&
           ::strncasecmp(bytes.data() + at, name.data(), name.size()) == 0;
  };
  for (std::size_t at = 0; (at = bytes.find("\r\n", at)) < end;) {
    at += 2;
    if (is(at, "content-length:")) {
      head.size += std::strtoul(bytes.data() + at + 15, nullptr, 10);
    } else if (is(at, "retry-after:")) {
      head.retry_after = true;
    } else if (is(at, "connection: close")) {
      head.closes = true;
    }
  }
  if (bytes.size() < head.size) return std::nullopt;
  return head;
}

class Flood {
 public:
  explicit Flood(const FloodOptions& options)
      : options_(options), poll_(::epoll_create1(EPOLL_CLOEXEC)), salt_(random_u64()) {
    DEPOT_ASSERT(poll_ >= 0 && !options.requests.empty());
    connections_.resize(options.connections);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (!connect(i)) throw StartupError("nobody listens", kExitUnavailable);
      idle_.push_back(i);
    }
  }
  ~Flood() {
    for (const Connection& each : connections_) {
      if (each.fd >= 0) ::close(each.fd);
    }
    ::close(poll_);
  }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  FloodReport run() {
    const double cpu = cpu_seconds_of_us();
    now_ = report_.begin = steady_now();
    report_.window = options_.window;
    const TimePoint end = now_ + options_.length;
    const bool open_loop = options_.rate > 0;
    while (now_ < end && !(options_.stop != nullptr && *options_.stop)) {
      while (open_loop && due_at(arrived_) <= now_) arrivals_.push_back(due_at(arrived_++));
      for (std::size_t left = idle_.size(); left > 0 && (!open_loop || !arrivals_.empty());
           --left) {
        TimePoint due = now_;
        if (open_loop) {
          due = arrivals_.front();
          arrivals_.pop_front();
        }
        send(due);
      }
      wait(1);
    }
    report_.length = now_ - report_.begin;
    report_.unanswered = arrivals_.size();  // There was no connection for them.
    const TimePoint patience = now_ + options_.patience;
    while (busy_ > 0 && now_ < patience) wait(20);
    for (const TimePoint due : arrivals_) ++window_of(due).asked;
    report_.unanswered += busy_;
    report_.cpu_seconds = cpu_seconds_of_us() - cpu;
    return std::move(report_);
  }

 private:
  struct Connection {
    int fd = -1;
    bool busy = false;
    std::uint64_t number = 0;
    TimePoint due{}, sent{};
    std::string answer = {};
  };

  std::string key_of(std::uint64_t number) const { return fmt::format("{:016x}", salt_ + number); }
  TimePoint due_at(std::uint64_t number) const {
    const std::chrono::duration<double> since(static_cast<double>(number) / options_.rate);
    return report_.begin + std::chrono::duration_cast<Duration>(since);
  }
  FloodReport::Window& window_of(TimePoint due) {
    const auto at = static_cast<std::size_t>((due - report_.begin) / options_.window);
    if (report_.windows.size() <= at) report_.windows.resize(at + 1);
    return report_.windows[at];
  }

  bool connect(std::size_t index) {
    Connection& mine = connections_[index];
    if (mine.fd >= 0) ::close(mine.fd);
    mine = {};
    mine.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(mine.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return false;
    const int yes = 1;
    ::setsockopt(mine.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
    return ::epoll_ctl(poll_, EPOLL_CTL_ADD, mine.fd, &event) == 0;
  }

  void send(TimePoint due) {
    const std::size_t index = idle_.back();
    idle_.pop_back();
    Connection& mine = connections_[index];
    text_ = options_.requests[sent_ % options_.requests.size()];
    if (const std::size_t at = text_.find(kKeyMark); at != std::string::npos) {
      text_.replace(at, kKeyMark.size(), key_of(sent_));
    }
    mine.number = sent_++;
    mine.busy = true;
    ++busy_;
    mine.due = due;
    mine.sent = steady_now();
    const ssize_t went = ::send(mine.fd, text_.data(), text_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (went != static_cast<ssize_t>(text_.size())) finish(index, {.closes = true});
  }

  void wait(int timeout_ms) {
    std::array<epoll_event, kEventsMax> events;
    const int ready = ::epoll_wait(poll_, events.data(), kEventsMax, timeout_ms);
    now_ = steady_now();
    for (int i = 0; i < ready; ++i) read(events.at(static_cast<std::size_t>(i)).data.u64);
  }

  void read(std::size_t index) {
    Connection& mine = connections_[index];
    std::array<char, 16 * 1024> bytes;
    const ssize_t got = ::recv(mine.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return finish(index, {.closes = true});
    mine.answer.append(bytes.data(), static_cast<std::size_t>(got));
    if (const auto head = read_answer(mine.answer)) finish(index, *head);
  }

  void finish(std::size_t index, const Head& head) {
    Connection& mine = connections_[index];
    if (mine.busy) {
      const TimePoint now = steady_now();
      FloodReport::Answers& answers = report_.answers[head.status];
      ++answers.count;
      answers.sent.record(now - mine.sent);
      answers.due.record(now - mine.due);
      report_.without_retry_after +=
          (head.status == 503 || head.status == 429) && !head.retry_after;
      FloodReport::Window& window = window_of(mine.due);
      ++window.asked;
      if (head.status / 100 == 2) {
        window.good_us.push_back(
            static_cast<std::uint32_t>((now - mine.due) / std::chrono::microseconds(1)));
        ++window_of(now).served;
      }
      if (options_.on_answer) {
        options_.on_answer(key_of(mine.number), mine.number % options_.requests.size(),
                           head.status);
      }
      mine.busy = false;
      --busy_;
      idle_.push_back(index);
    }
    mine.answer.clear();
    if (head.closes && !connect(index)) std::erase(idle_, index);  // One less, for good.
  }

  const FloodOptions& options_;
  const int poll_;
  const std::uint64_t salt_;
  FloodReport report_;
  TimePoint now_{};
  std::vector<Connection> connections_;
  std::vector<std::size_t> idle_;
  std::size_t busy_ = 0;
  std::deque<TimePoint> arrivals_;  // due, and not sent for want of a connection
  std::uint64_t arrived_ = 0, sent_ = 0;
  std::string text_;
};

}  // namespace

std::uint32_t FloodReport::Window::percentile_us(double fraction) const {
  if (good_us.empty()) return 0;
  std::vector<std::uint32_t> sorted = good_us;
  std::ranges::sort(sorted);
  const auto at = static_cast<std::size_t>(fraction * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

std::uint64_t FloodReport::count(int status) const {
  const auto found = answers.find(status);
  return found == answers.end() ? 0 : found->second.count;
}

std::uint64_t FloodReport::total() const {
  std::uint64_t sum = unanswered;
  for (const auto& [status, each] : answers) sum += each.count;
  return sum;
}

double FloodReport::per_second(int status) const {
  const double length_s = std::chrono::duration<double>(length).count();
  return length_s > 0 ? static_cast<double>(count(status)) / length_s : 0;
}

double FloodReport::milliseconds(int status, double fraction) const {
  const auto found = answers.find(status);
  return found == answers.end() ? 0 : in_ms(found->second.sent.percentile(fraction));
}

FloodReport flood(const FloodOptions& options) { return Flood(options).run(); }

boost::json::object json_of(const FloodReport& report) {
  const auto times = [](const Histogram& histogram) {
    return boost::json::object{{"p50", in_ms(histogram.percentile(0.5))},
                               {"p99", in_ms(histogram.percentile(0.99))},
                               {"max", in_ms(histogram.max())}};
  };
  boost::json::object answers;
  for (const auto& [status, each] : report.answers) {
    answers[std::to_string(status)] = {{"count", each.count},
                                       {"since_sent_ms", times(each.sent)},
                                       {"since_due_ms", times(each.due)}};
  }
  boost::json::array windows;  // [asked, good, served, p99 of the good in ms]
  for (const FloodReport::Window& each : report.windows) {
    windows.emplace_back(boost::json::array{each.asked, each.good_us.size(), each.served,
                                            each.percentile_us(0.99) / 1000.0});
  }
  return {{"began", std::chrono::duration<double>(report.begin.time_since_epoch()).count()},
          {"seconds", in_ms(report.length) / 1000},
          {"sent", report.total()},
          {"unanswered", report.unanswered},
          {"without_retry_after", report.without_retry_after},
          {"cpu_seconds", report.cpu_seconds},
          {"answers", std::move(answers)},
          {"window_seconds", in_ms(report.window) / 1000},
          {"windows", std::move(windows)}};
}

}  // namespace depot::bench
