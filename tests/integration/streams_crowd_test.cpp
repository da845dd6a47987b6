// 2,000 browsers watch one gateway while it sells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <deque>

#include "base/process.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/load.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/wire.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kStreams = 2'000;

// Streams that are read by one thread; of each it knows what it was told last of one offer.
class Crowd {
 public:
  Crowd(int port, const std::string& offer)
      : port_(port),
        mark_("{\"offer_id\":\"" + offer + "\",\"available\":"),
        poll_(epoll_create1(0)) {}
  ~Crowd() { ::close(poll_); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void add() {
    Watcher& watcher = watchers_.emplace_back(port_);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &watcher}};
    epoll_ctl(poll_, EPOLL_CTL_ADD, watcher.wire.fd(), &event);
    watcher.wire.send("GET /v1/catalogue/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  // Reads until all were told `left` last, or `patience` is over.
  bool all_told(std::int64_t left, std::chrono::seconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < end) {
      if (count(left) == watchers_.size()) return true;
      read(20ms);
    }
    return false;
  }
  void read(std::chrono::milliseconds timeout) {
    std::vector<epoll_event> events(256);
    const int ready = epoll_wait(poll_, events.data(), 256, static_cast<int>(timeout.count()));
    for (int i = 0; i < ready; ++i) {
      static_cast<Watcher*>(events[static_cast<std::size_t>(i)].data.ptr)->read(mark_, poll_);
    }
  }
  std::size_t count(std::int64_t left) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(watchers_, [&](const Watcher& w) { return w.left == left; }));
  }
  std::size_t ended() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(watchers_, [](const Watcher& w) { return w.ended; }));
  }
  std::size_t changes_min() const {
    return std::ranges::min_element(watchers_, {}, &Watcher::changes)->changes;
  }

 private:
  struct Watcher {
    explicit Watcher(int port) : wire(port) {}
    Wire wire;
    std::string text;  // not yet a whole line
    std::int64_t left = -1;
    std::size_t changes = 0;
    bool ended = false;

    void read(const std::string& mark, int poll) {
      const auto more = wire.read_more(0ms);
      if (!more) {
        ended = true;
        epoll_ctl(poll, EPOLL_CTL_DEL, wire.fd(), nullptr);
        return;
      }
      text += *more;
      const std::size_t end = text.rfind('\n') + 1;
      for (std::size_t at = 0; (at = text.find(mark, at)) < end;) {
        at += mark.size();
        std::from_chars(text.data() + at, text.data() + end, left);
        ++changes;
      }
      text.erase(0, end);
    }
  };
  const int port_;
  const std::string mark_;
  const int poll_;
  std::deque<Watcher> watchers_;
};

TEST(StreamsCrowdTest, TwoThousandStreamsAreToldTheTruthWhileTheGatewaySells) {
  raise_files_max(kStreams + 500);
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "hot", .offered = kPlenty},
                  {.manufacturer = "m1", .sku = "cold", .offered = 5}});
  Crowd crowd(cluster.port(), "m1:hot");
  for (std::size_t i = 0; i < kStreams; ++i) {
    crowd.add();
    crowd.read(0ms);
  }
  ASSERT_TRUE(crowd.all_told(kPlenty, 60s)) << crowd.count(kPlenty) << " have a snapshot";

  Load load({cluster.port()}, "m1:hot", 4);
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < end) crowd.read(20ms);
  load.stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());
  EXPECT_GT(load.placed(), 100);
  const std::int64_t left = kPlenty - load.placed();
  EXPECT_TRUE(crowd.all_told(left, 30s)) << crowd.count(left) << " know the truth";
  EXPECT_EQ(crowd.ended(), 0u);
  EXPECT_GT(crowd.changes_min(), 2u) << "one snapshot, and changes on the way";
  EXPECT_EQ(cluster.metric("depot_http_streams"), static_cast<double>(kStreams));
  cluster.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
