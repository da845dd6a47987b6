#include "messaging/socket.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "messaging/poller.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::messaging {
namespace {

using namespace std::chrono_literals;
using test::TempDir;

// Repeats `attempt`, waiting on `socket` in between, until it holds or 5 s have passed.
bool eventually(const Socket& socket, const std::function<bool()>& attempt) {
  Poller poller;
  poller.add(socket);
  for (const TimePoint end = steady_now() + 5s; steady_now() < end;) {
    if (attempt()) return true;
    poller.wait(2ms);
  }
  return false;
}

TEST(SocketTest, RouterAndDealerExchangeSingleFrames) {
  Context context;
  Socket router(context, SocketKind::router);
  router.bind("tcp://127.0.0.1:*");
  Socket dealer(context, SocketKind::dealer);
  dealer.connect(router.bound_endpoint());
  ASSERT_TRUE(eventually(dealer, [&] { return dealer.send("ping") == Sent::yes; }));

  Message id;
  Message frame;
  ASSERT_TRUE(eventually(router, [&] { return router.receive_from(id, frame); }));
  EXPECT_EQ(frame.bytes(), "ping");
  EXPECT_EQ(router.send_to(id.bytes(), "pong"), Sent::yes);
  Message back;
  ASSERT_TRUE(eventually(dealer, [&] { return dealer.receive(back); }));
  EXPECT_EQ(back.bytes(), "pong");
  EXPECT_FALSE(dealer.receive(back));
}

TEST(SocketTest, ADealerWithoutAPeerDoesNotQueue) {
  Context context;
  Socket dealer(context, SocketKind::dealer);
  dealer.connect("tcp://127.0.0.1:1");
  EXPECT_EQ(dealer.send("lost otherwise"), Sent::full);
}

TEST(SocketTest, ARouterReportsAPeerThatIsGoneOrNeverWas) {
  Context context;
  Socket router(context, SocketKind::router);
  router.bind("tcp://127.0.0.1:*");
  EXPECT_EQ(router.send_to("12345", "hello"), Sent::unreachable);

  Message id;
  Message frame;
  {
    Socket dealer(context, SocketKind::dealer);
    dealer.connect(router.bound_endpoint());
    ASSERT_TRUE(eventually(dealer, [&] { return dealer.send("hello") == Sent::yes; }));
    ASSERT_TRUE(eventually(router, [&] { return router.receive_from(id, frame); }));
  }
  EXPECT_TRUE(eventually(
      router, [&] { return router.send_to(id.bytes(), "anyone?") == Sent::unreachable; }));
}

TEST(SocketTest, MessagesOfTooManyFramesAreSwallowedAndCounted) {
  Context context;
  Socket router(context, SocketKind::router);
  router.bind("tcp://127.0.0.1:*");
  Socket dealer(context, SocketKind::dealer);
  dealer.connect(router.bound_endpoint());
  ASSERT_TRUE(eventually(dealer, [&] { return dealer.publish("a", "b", "c") == Sent::yes; }));
  ASSERT_EQ(dealer.send("good"), Sent::yes);

  Message id;
  Message frame;
  ASSERT_TRUE(eventually(router, [&] { return router.receive_from(id, frame); }));
  EXPECT_EQ(frame.bytes(), "good");
  EXPECT_EQ(router.malformed(), 1u);
}

TEST(SocketTest, AMessageAboveTheLimitCutsTheSenderOff) {
  Context context;
  Socket router(context, SocketKind::router, {.message_bytes_max = 1'000});
  router.bind("tcp://127.0.0.1:*");
  Socket dealer(context, SocketKind::dealer);
  dealer.connect(router.bound_endpoint());
  ASSERT_TRUE(
      eventually(dealer, [&] { return dealer.send(std::string(1'001, 'x')) == Sent::yes; }));
  // The connection is closed and made anew; what comes next arrives, what was too large does not.
  Message id;
  Message frame;
  ASSERT_TRUE(eventually(router, [&] {
    dealer.send("small");
    return router.receive_from(id, frame);
  }));
  EXPECT_EQ(frame.bytes(), "small");
}

TEST(SocketTest, PublishesThreeFramesToSubscribersOfTheTopic) {
  Context context;
  Socket xpub(context, SocketKind::xpub);
  xpub.bind("tcp://127.0.0.1:*");
  Socket sub(context, SocketKind::sub);
  sub.subscribe("stock/");
  sub.connect(xpub.bound_endpoint());
  bool subscribed = false;
  std::string topic;
  ASSERT_TRUE(eventually(xpub, [&] { return xpub.receive_subscription(subscribed, topic); }));
  EXPECT_TRUE(subscribed);
  EXPECT_EQ(topic, "stock/");

  EXPECT_EQ(xpub.publish("cycle/", "header", "not for us"), Sent::yes);
  EXPECT_EQ(xpub.publish("stock/", "header", "body"), Sent::yes);
  Message parts[3];
  ASSERT_TRUE(eventually(sub, [&] { return sub.receive_published(parts[0], parts[1], parts[2]); }));
  EXPECT_EQ(parts[0].bytes(), "stock/");
  EXPECT_EQ(parts[1].bytes(), "header");
  EXPECT_EQ(parts[2].bytes(), "body");

  sub = Socket(context, SocketKind::sub);  // Closing ends the subscription.
  ASSERT_TRUE(eventually(xpub, [&] { return xpub.receive_subscription(subscribed, topic); }));
  EXPECT_FALSE(subscribed);
}

TEST(SocketTest, ABoundIpcEndpointIsNotStolen) {
  const TempDir dir;
  const std::string endpoint = "ipc://" + (dir / "s.sock");
  Context context;
  Socket first(context, SocketKind::router);
  first.bind(endpoint);
  Socket second(context, SocketKind::router);
  try {
    second.bind(endpoint);
    FAIL() << "bound twice";
  } catch (const StartupError& error) {
    EXPECT_NE(std::string(error.what()).find(endpoint), std::string::npos) << error.what();
    EXPECT_EQ(error.exit_code(), kExitUnavailable);
  }
  Socket dealer(context, SocketKind::dealer);  // The first still has it.
  dealer.connect(endpoint);
  EXPECT_TRUE(eventually(dealer, [&] { return dealer.send("hello") == Sent::yes; }));
}

TEST(SocketTest, AnIpcEndpointIsFreeAgainOnceClosed) {
  const TempDir dir;
  const std::string path = dir / "s.sock";
  Context context;
  for (int i = 0; i < 2; ++i) {
    Socket socket(context, SocketKind::router);
    socket.bind("ipc://" + path);
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(SocketTest, ALeftOverSocketFileIsReplaced) {
  const TempDir dir;
  const std::string path = dir / "s.sock";
  Context context;
  {
    Context dead;
    Socket socket(dead, SocketKind::router);
    socket.bind("ipc://" + path);
    std::filesystem::create_hard_link(path, dir / "kept");
  }
  std::filesystem::rename(dir / "kept", path);  // As a SIGKILL leaves it: files, but no lock held.
  Socket socket(context, SocketKind::router);
  EXPECT_NO_THROW(socket.bind("ipc://" + path));
}

TEST(SocketTest, BindAndConnectFailuresNameTheEndpoint) {
  Context context;
  Socket socket(context, SocketKind::router);
  EXPECT_THROW(socket.bind("tcp://nowhere.invalid:1"), StartupError);
  EXPECT_THROW(socket.bind("ipc:///nowhere/to/be/found.sock"), StartupError);
  EXPECT_THROW(socket.connect("nonsense"), StartupError);
}

TEST(PollerTest, WaitsForSocketsAndDescriptorsAndSkipsAbsentOnes) {
  Context context;
  Socket router(context, SocketKind::router);
  router.bind("tcp://127.0.0.1:*");
  Socket dealer(context, SocketKind::dealer);
  dealer.connect(router.bound_endpoint());
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);

  Poller poller;
  const std::size_t absent = poller.add_fd(-1);
  const std::size_t socket = poller.add(router);
  const std::size_t reading = poller.add_fd(pipe_ends[0]);
  poller.wait(0ms);
  EXPECT_FALSE(poller.ready(absent) || poller.ready(socket) || poller.ready(reading));

  ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
  poller.wait(5s);
  EXPECT_TRUE(poller.ready(reading));
  EXPECT_FALSE(poller.ready(absent));

  poller.set_fd(reading, -1, false);
  ASSERT_TRUE(eventually(dealer, [&] { return dealer.send("x") == Sent::yes; }));
  poller.wait(5s);
  EXPECT_TRUE(poller.ready(socket));
  EXPECT_FALSE(poller.ready(reading));
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

}  // namespace
}  // namespace depot::messaging
