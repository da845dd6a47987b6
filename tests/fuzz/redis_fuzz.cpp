// What a Redis may answer, to the clients of store/ and to the audit's own.
//
// Promises: answers split anywhere are the same answers; each command is answered once, whatever
// becomes of the connection; a client that goes on does not crash.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fatal.hpp"
#include "control/audit_reader.hpp"
#include "store/blocking.hpp"
#include "store/redis_client.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/support/temp_dir.hpp"

// hiredis asks for as many elements as an answer announces, and takes no for an answer.
// NOLINTNEXTLINE(readability-identifier-naming): the sanitizer looks for that name.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1:max_allocation_size_mb=256";
}

namespace depot::fuzz {
namespace {

using namespace depot::store;

// A server that says what it is told to; the other end is in this thread, too.
class Server {
 public:
  Server() : path_(folder_ / "redis.sock"), listener_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    must(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
             listen(listener_, 4) == 0,
         "no socket to listen on");
  }
  ~Server() {
    hang_up();
    close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  RedisLogin login() const { return {.url = "unix://" + path_}; }

  void accept_one() {
    hang_up();
    peer_ = accept(listener_, nullptr, nullptr);
    must(peer_ >= 0, "nobody connects");
  }
  void say(std::string_view bytes) {
    if (send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) hang_up();
  }
  void say_no_more() { shutdown(peer_, SHUT_WR); }
  void hang_up() {
    if (peer_ >= 0) close(peer_);
    peer_ = -1;
  }

 private:
  test::TempDir folder_;
  const std::string path_;
  const int listener_;
  int peer_ = -1;
};

Server& server() {
  static Server the_one;
  return the_one;
}

std::string text_of(const Reply& reply) {
  std::string text = reply.is_error() ? "-" : "+";
  text.append(reply.text()).append("[");
  for (std::size_t i = 0; i < reply.size(); ++i) text += text_of(reply[i]) + ",";
  return text + "]";
}

// What a client hears of its commands when Redis says `bytes`, `piece` at a time.
std::string heard(std::string_view bytes, std::size_t piece) {
  constexpr int kCommands = 3;
  RedisClient client(server().login());
  const TimePoint now(std::chrono::hours(1));
  client.tick(now);
  server().accept_one();
  client.on_writable(now);
  server().say("+PONG\r\n");
  client.on_readable(now);
  must(client.connected(), "a greeted client is connected");
  std::string text;
  int answered = 0;
  for (int i = 0; i < kCommands; ++i) {
    const std::string_view ask[] = {"GET", "key"};
    client.command(ask, [&](const Result<Reply>& reply) {
      ++answered;
      text += reply ? text_of(*reply) : "lost";
      text += '\n';
    });
  }
  client.flush();
  while (!bytes.empty() && client.connected()) {
    server().say(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    client.on_readable(now);
  }
  server().hang_up();
  if (client.connected()) client.on_readable(now);
  must(!client.connected() && answered == kCommands, "each command is answered once");
  return text;
}

void check_client(Input& input) {
  const std::size_t piece = 1 + input.byte();
  const std::string_view bytes = input.rest().substr(0, piece * 200);
  must(heard(bytes, piece) == heard(bytes, bytes.size() + 1), "parse(split) == parse(whole)");
}

void check_blocking(Input& input) {
  auto redis = BlockingRedis::connect(server().login());
  must(redis.has_value(), "there is a server");
  server().accept_one();
  server().say(input.rest());
  server().say_no_more();
  const auto value = redis->command({"GET", "key"});
  must(!value || value->kind != Value::Kind::error, "an error is none of the values");
  const auto values = redis->commands({{"GET", "a"}, {"GET", "b"}});
  must(!values || values->size() == 2, "an answer for each");
}

void check_audit(Input& input) {
  control::audit::Redis redis(server().login());
  server().accept_one();
  const bool pairs = input.byte() % 2 == 0;
  server().say(input.rest());
  server().say_no_more();
  try {
    redis.scan(pairs ? "hash" : "", [](std::string_view, std::string_view) {});
    redis.together({{"GET", "a"}, {"GET", "b"}});
  } catch (const StartupError&) {  // It cannot be asked.
  }
}

}  // namespace
}  // namespace depot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  depot::fuzz::Input input(data, std::min<std::size_t>(size, 16 * 1024));
  switch (input.byte() % 4) {
    case 0:
      depot::fuzz::check_blocking(input);
      break;
    case 1:
      depot::fuzz::check_audit(input);
      break;
    default:
      depot::fuzz::check_client(input);
  }
  return 0;
}
