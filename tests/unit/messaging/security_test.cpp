#include "messaging/security.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zmq.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "messaging/socket.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::messaging {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kPatience = 5s;
constexpr auto kSilence = 300ms;  // How long a refused peer is listened to.

class SecurityTest : public testing::Test {
 protected:
  void make(const std::string& name) {
    const CurveKeys keys = make_curve_keys();
    std::ofstream(folder_ / (name + ".pub")) << "public " << keys.public_key << "\n";
    const std::string secret = folder_ / (name + ".key");
    std::ofstream(secret) << "public " << keys.public_key << "\nsecret " << keys.secret_key << "\n";
    chmod(secret.c_str(), 0600);
  }
  std::string folder() const { return folder_ / ""; }
  // A context that binds `kinds` of doors; `endpoint` is what bind() is given.
  std::unique_ptr<Context> server(const std::string& endpoint,
                                  std::vector<std::string_view> roles) {
    return std::make_unique<Context>(
        1, std::make_unique<Security>(folder(), "hub-1",
                                      std::vector<Security::Door>{{endpoint, "door", roles}},
                                      std::vector<Security::Way>{}));
  }
  std::unique_ptr<Context> client(const std::string& name, const std::string& endpoint) {
    return std::make_unique<Context>(
        1, std::make_unique<Security>(folder(), name, std::vector<Security::Door>{},
                                      std::vector<Security::Way>{{endpoint, "hub-1"}}));
  }
  // The user whose frame comes, sent again and again meanwhile; "" where none comes.
  static std::string heard(Socket& router, Socket& dealer, Duration patience) {
    Message id, frame;
    for (const TimePoint end = steady_now() + patience; steady_now() < end;) {
      static_cast<void>(dealer.send("hello"));
      if (router.receive_from(id, frame)) return std::string(frame.user()) + " in";
    }
    return "";
  }

  static void stop_handler(const Context& context) {
    const_cast<Security*>(context.security())->stop();
  }
  // Why `socket` does not open the door; "" where it does.
  static std::string refusal(Socket& socket, const std::string& endpoint) {
    try {
      socket.bind(endpoint);
    } catch (const StartupError& error) {
      return error.what();
    }
    return "";
  }

  depot::test::TempDir folder_;
};

constexpr const char* kAny = "tcp://127.0.0.1:*";
constexpr int kEnforceDomain = 93;  // ZMQ_ZAP_ENFORCE_DOMAIN; zmq.h has it among the drafts.

// A ZAP handler that lets everybody in.
class OpenHandler {
 public:
  explicit OpenHandler(void* context) : socket_(zmq_socket(context, ZMQ_REP)) {
    if (zmq_bind(socket_, "inproc://zeromq.zap.01") != 0) throw std::runtime_error("zap is taken");
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~OpenHandler() {
    thread_.request_stop();
    thread_.join();
    zmq_close(socket_);
  }
  OpenHandler(const OpenHandler&) = delete;
  OpenHandler& operator=(const OpenHandler&) = delete;

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      zmq_pollitem_t item{.socket = socket_, .fd = 0, .events = ZMQ_POLLIN, .revents = 0};
      if (zmq_poll(&item, 1, 10) < 1) continue;
      std::string frames[7];
      for (std::string& frame : frames) {
        char bytes[256];
        const int size = zmq_recv(socket_, bytes, sizeof bytes, 0);
        frame.assign(bytes, static_cast<std::size_t>(size));
      }
      const std::string answer[] = {"1.0", frames[1], "200", "", "anybody", ""};
      for (const std::string& frame : answer) {
        zmq_send(socket_, frame.data(), frame.size(), &frame == &answer[5] ? 0 : ZMQ_SNDMORE);
      }
    }
  }
  void* socket_;
  std::jthread thread_;
};

TEST_F(SecurityTest, APeerIsWhatItsKeySays) {
  make("hub-1");
  make("gateway-1");
  const auto here = server(kAny, {"gateway"});
  Socket router(*here, SocketKind::router);
  router.bind(kAny);
  const auto there = client("gateway-1", router.bound_endpoint());
  Socket dealer(*there, SocketKind::dealer);
  dealer.connect(router.bound_endpoint());
  EXPECT_EQ(heard(router, dealer, kPatience), "gateway-1 in");
}

TEST_F(SecurityTest, StrangersOtherRolesAndThoseWithoutKeysStayOutside) {
  for (const char* name : {"hub-1", "gateway-1", "worker-1", "gateway-2"}) make(name);
  const auto here = server(kAny, {"gateway"});
  Socket router(*here, SocketKind::router);
  router.bind(kAny);
  const std::string endpoint = router.bound_endpoint();
  fs::remove(folder_ / "gateway-2.pub");  // Known when it came up, and no more.
  const TimePoint end = steady_now() + kPatience;
  while (here->security()->knows("gateway-2") && steady_now() < end) {
  }
  for (const char* name : {"worker-1", "gateway-2"}) {
    const auto there = client(name, endpoint);
    Socket dealer(*there, SocketKind::dealer);
    dealer.connect(endpoint);
    EXPECT_EQ(heard(router, dealer, kSilence), "") << name;
  }
  Context plain;
  Socket dealer(plain, SocketKind::dealer);
  dealer.connect(endpoint);
  EXPECT_EQ(heard(router, dealer, kSilence), "") << "without a key";
  const auto there = client("gateway-1", endpoint);
  Socket good(*there, SocketKind::dealer);
  good.connect(endpoint);
  EXPECT_EQ(heard(router, good, kPatience), "gateway-1 in") << "the door works";
}

TEST_F(SecurityTest, ARevokedKeyIsOutAtOnceAlsoInAConnectionThatIsOpen) {
  make("hub-1");
  make("gateway-1");
  const auto here = server(kAny, {"gateway"});
  Socket router(*here, SocketKind::router);
  router.bind(kAny);
  const auto there = client("gateway-1", router.bound_endpoint());
  Socket dealer(*there, SocketKind::dealer);
  dealer.connect(router.bound_endpoint());
  ASSERT_EQ(heard(router, dealer, kPatience), "gateway-1 in");
  fs::remove(folder_ / "gateway-1.pub");
  const TimePoint end = steady_now() + kPatience;
  while (here->security()->knows("gateway-1") && steady_now() < end) {
  }
  EXPECT_EQ(heard(router, dealer, kSilence), "");
}

TEST_F(SecurityTest, WhoIsKnownStaysSoWhileTheKeysCannotBeRead) {
  for (const char* name : {"hub-1", "gateway-1", "gateway-2"}) make(name);
  std::atomic<int> said = 0;
  Context context(1,
                  std::make_unique<Security>(
                      folder(), "hub-1", std::vector<Security::Door>{{kAny, "door", {"gateway"}}},
                      std::vector<Security::Way>{}, [&](const std::string&) { ++said; }));
  const auto told = [&](int times) {
    const TimePoint end = steady_now() + kPatience;
    while (said < times && steady_now() < end) {
    }
    return said == times;
  };
  const fs::path aside = fs::path(folder()).parent_path().string() + "-aside";
  fs::rename(folder_ / "", aside);
  EXPECT_TRUE(told(1)) << "the folder is away";
  EXPECT_TRUE(context.security()->knows("gateway-1"));
  fs::rename(aside, folder_ / "");
  fs::remove(folder_ / "gateway-2.pub");
  const TimePoint end = steady_now() + kPatience;
  while (context.security()->knows("gateway-2") && steady_now() < end) {
  }
  EXPECT_FALSE(context.security()->knows("gateway-2")) << "it is read again";
  std::ofstream(folder_ / "gateway-1.pub") << "being written";
  EXPECT_TRUE(told(2)) << "a file is no key";
  EXPECT_TRUE(context.security()->knows("gateway-1"));
}

TEST_F(SecurityTest, ASubscriberIsGrantedItsTopicsOnly) {
  make("hub-1");
  make("manufacturer-m1");
  const auto here = server(kAny, {"manufacturer"});
  Socket out(*here, SocketKind::xpub);
  out.bind(kAny);
  const auto there = client("manufacturer-m1", out.bound_endpoint());
  Socket in(*there, SocketKind::sub);
  in.subscribe("head/m1/");
  in.subscribe("head/m2/");
  in.connect(out.bound_endpoint());
  const auto granted = [](std::string_view user, std::string_view topic) {
    return user == "manufacturer-m1" && topic == "head/m1/";
  };
  Message topic, header, body;
  bool subscribed = false;
  std::string of;
  int own = 0;
  for (const TimePoint end = steady_now() + kPatience; own < 10 && steady_now() < end;) {
    while (out.receive_subscription(subscribed, of, granted)) EXPECT_EQ(of, "head/m1/");
    static_cast<void>(out.publish("head/m2/", "h", "theirs"));
    static_cast<void>(out.publish("head/m1/", "h", "own"));
    for (; in.receive_published(topic, header, body); ++own) EXPECT_EQ(body.bytes(), "own");
  }
  EXPECT_GE(own, 10);
}

TEST_F(SecurityTest, ADoorThatTakesStrangersIsNotOpened) {
  make("hub-1");
  const auto here = server("tcp://127.0.0.1:1", {"gateway"});  // Of another door than:
  Context plain;
  Socket open(plain, SocketKind::router);
  open.bind(kAny);
  EXPECT_THROW(here->security()->prove(open.handle(), open.bound_endpoint()), StartupError);
}

TEST_F(SecurityTest, WhileNoHandlerRunsNobodyGetsIn) {
  for (const char* name : {"hub-1", "gateway-1", "gateway-2"}) make(name);
  fs::remove(folder_ / "gateway-2.pub");  // A stranger's.
  const auto stopped = server(kAny, {"gateway"});
  Socket behind(*stopped, SocketKind::router);
  behind.bind(kAny);
  stop_handler(*stopped);
  Context plain;
  const Security never_started(folder(), "hub-1", {{kAny, "door", {"gateway"}}}, {});
  Socket before(plain, SocketKind::router);
  never_started.before_bind(before.handle(), kAny);
  before.bind(kAny);
  for (Socket* const router : {&behind, &before}) {
    int enforced = 0;
    std::size_t size = sizeof enforced;
    ASSERT_EQ(zmq_getsockopt(router->handle(), kEnforceDomain, &enforced, &size), 0);
    EXPECT_EQ(enforced, 1);
    for (const char* name : {"gateway-1", "gateway-2"}) {
      const auto there = client(name, router->bound_endpoint());
      Socket dealer(*there, SocketKind::dealer);
      dealer.connect(router->bound_endpoint());
      EXPECT_EQ(heard(*router, dealer, kSilence), "") << name;
    }
  }
}

TEST_F(SecurityTest, BindRefusesADoorWhereAStrangerGetsInOrNobodyJudges) {
  make("hub-1");
  const auto here = server(kAny, {"gateway"});
  stop_handler(*here);
  Socket unjudged(*here, SocketKind::router);
  EXPECT_THAT(refusal(unjudged, kAny), testing::HasSubstr("does not show"));
  const OpenHandler open(here->handle());
  for (const SocketKind kind : {SocketKind::router, SocketKind::sub, SocketKind::xpub}) {
    Socket door(*here, kind);
    EXPECT_THAT(refusal(door, kAny), testing::HasSubstr("a stranger gets in"));
  }
}

TEST_F(SecurityTest, BadKeyFilesAreNamed) {
  const auto why = [&](const std::string& text, mode_t mode) -> std::string {
    const std::string path = folder_ / "hub-1.key";
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    try {
      read_curve_keys(path);
    } catch (const StartupError& error) {
      return error.what();
    }
    return "";
  };
  const CurveKeys keys = make_curve_keys();
  const std::string open = "public " + keys.public_key + "\n";
  const std::string whole = open + "secret " + keys.secret_key + "\n";
  EXPECT_EQ(why(whole, 0600), "");
  EXPECT_EQ(why(open, 0644), "");
  EXPECT_THAT(why(whole, 0640), testing::HasSubstr("chmod 600"));
  EXPECT_THAT(why("secret " + keys.secret_key, 0600), testing::HasSubstr("no public key"));
  EXPECT_THAT(why("public x\n", 0600), testing::HasSubstr("not a key"));
}

TEST_F(SecurityTest, NamesBeginWithARole) {
  EXPECT_EQ(role_of("gateway-1"), "gateway");
  EXPECT_EQ(role_of("manufacturer-tea-co"), "manufacturer");
  for (const char* name : {"", "gateway", "gateways-1", "king-1", "-1"})
    EXPECT_EQ(role_of(name), "");
}

}  // namespace
}  // namespace depot::messaging
