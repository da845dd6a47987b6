#include "messaging/security.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/fatal.hpp"
#include "base/redis_login.hpp"
#include "base/yaml.hpp"

namespace depot::messaging {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeyText = 40, kKeyBytes = 32, kKeyFileMax = 1'000;
constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kRoles[] = {"gateway", "worker", "balancer", "hub", "manufacturer"};
// zmq.h has it among the drafts only; the library of every distribution knows the number. Without
// it a socket lets everybody in while no handler runs.
constexpr int kEnforceDomain = 93;
constexpr const char* kHandlerEndpoint = "inproc://zeromq.zap.01";
constexpr std::size_t kRequestFrames = 7;
constexpr long kLookEveryMs = 200;
constexpr long kProofMs = 3'000;

void set_text(void* socket, int option, const std::string& text) {
  DEPOT_ASSERT(zmq_setsockopt(socket, option, text.data(), text.size()) == 0);
}
void set_flag(void* socket, int option) {
  constexpr int kOn = 1;
  DEPOT_ASSERT(zmq_setsockopt(socket, option, &kOn, sizeof kOn) == 0);
}

std::string field_of(const std::string& text, std::string_view name, const std::string& path) {
  const std::string begin = std::string(name) + " ";
  std::size_t at = text.starts_with(begin) ? 0 : text.find("\n" + begin);
  if (at == text.npos) return "";
  at = text.find(' ', at) + 1;
  const std::string value = text.substr(at, text.find_first_of("\r\n", at) - at);
  std::array<std::uint8_t, kKeyBytes> bytes;
  if (value.size() == kKeyText && zmq_z85_decode(bytes.data(), value.c_str())) return value;
  throw StartupError(
      fmt::format("{}: {}: not a key, which is Z85 of {} characters", path, name, kKeyText),
      kExitConfig);
}

// All frames of a message, as far as they are at most `most`.
std::vector<std::string> receive_all(void* socket, std::size_t most) {
  std::vector<std::string> frames;
  int more = 1;
  while (more != 0) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0)
      more = 0;
    else
      more = zmq_msg_more(&frame);
    if (frames.size() <= most) {
      frames.emplace_back(static_cast<const char*>(zmq_msg_data(&frame)), zmq_msg_size(&frame));
    }
    zmq_msg_close(&frame);
  }
  return frames;
}

}  // namespace

CurveKeys make_curve_keys() {
  std::array<char, kKeyText + 1> open{}, secret{};
  if (zmq_curve_keypair(open.data(), secret.data()) != 0) {
    throw StartupError("this libzmq has no CURVE", kExitUnavailable);
  }
  return {open.data(), secret.data()};
}

CurveKeys read_curve_keys(const std::string& path) {
  const std::string text = read_text_file(path, kKeyFileMax);
  CurveKeys keys{field_of(text, "public", path), field_of(text, "secret", path)};
  if (keys.public_key.empty()) throw StartupError(path + ": no public key in it", kExitConfig);
  struct stat file {};
  const bool open_to_others = stat(path.c_str(), &file) == 0 && (file.st_mode & 077) != 0;
  if (!keys.secret_key.empty() && open_to_others) {
    throw StartupError(path + ": a secret that others may read: chmod 600 it", kExitConfig);
  }
  return keys;
}

std::string_view role_of(std::string_view name) {
  for (const std::string_view role : kRoles) {
    if (name.starts_with(role) && name.substr(role.size()).starts_with('-')) return role;
  }
  return "";
}

Security::Security(std::string folder, const std::string& own, std::vector<Door> doors,
                   const std::vector<Way>& ways, Say say)
    : folder_(std::move(folder)),
      own_(read_curve_keys(folder_ + "/" + own + ".key")),
      doors_(std::move(doors)),
      say_(std::move(say)) {
  if (own_.secret_key.empty()) {
    throw StartupError(folder_ + "/" + own + ".key: no secret key in it", kExitConfig);
  }
  for (const Way& way : ways) {
    servers_[way.endpoint] = read_curve_keys(folder_ + "/" + way.server + ".pub").public_key;
  }
  read_folder();
}

Security::~Security() { stop(); }

void Security::start(void* context) {
  if (doors_.empty()) return;
  context_ = zmq_socket(context, ZMQ_REP);
  DEPOT_ASSERT(context_ != nullptr);
  if (zmq_bind(context_, kHandlerEndpoint) != 0) {
    throw StartupError(std::string("the ZAP handler does not start: ") + zmq_strerror(zmq_errno()),
                       kExitUnavailable);
  }
  handler_ = std::thread([this] { handle(); });
}

void Security::stop() {
  stop_ = true;
  if (handler_.joinable()) handler_.join();
  if (context_) zmq_close(std::exchange(context_, nullptr));
}

// Its socket came from the thread that made it, once, before this one began: libzmq allows that.
void Security::handle() {
  auto read_at = std::chrono::steady_clock::now();
  while (!stop_) {
    zmq_pollitem_t item{.socket = context_, .fd = 0, .events = ZMQ_POLLIN, .revents = 0};
    zmq_poll(&item, 1, kLookEveryMs);
    if (const auto now = std::chrono::steady_clock::now(); now - read_at >= kReadAgain) {
      read_folder();
      read_at = now;
    }
    if ((item.revents & ZMQ_POLLIN) == 0) continue;
    // version, request id, domain, address, identity, mechanism, credentials
    const std::vector<std::string> request = receive_all(context_, kRequestFrames);
    const bool whole = request.size() == kRequestFrames && request[0] == "1.0";
    const std::string name = whole && request[5] == "CURVE" && request[6].size() == kKeyBytes
                                 ? name_of(request[6], request[2])
                                 : "";
    const std::string_view answer[] = {"1.0",
                                       whole ? std::string_view(request[1]) : "",
                                       name.empty() ? "400" : "200",
                                       name.empty() ? "no key of ours" : "",
                                       name,
                                       ""};
    for (std::size_t i = 0; i < std::size(answer); ++i) {
      zmq_send(context_, answer[i].data(), answer[i].size(),
               i + 1 < std::size(answer) ? ZMQ_SNDMORE : 0);
    }
  }
}

std::string Security::name_of(std::string_view public_key, std::string_view domain) const {
  std::array<char, kKeyText + 1> text{};
  if (!zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(public_key.data()),
                      public_key.size())) {
    return "";
  }
  const std::lock_guard lock(mutex_);
  const auto name = names_.find(std::string_view(text.data()));
  const auto door = std::ranges::find(doors_, domain, &Door::domain);
  if (name == names_.end() || door == doors_.end()) return "";
  const bool comes_in = std::ranges::find(door->roles, role_of(name->second)) != door->roles.end();
  return comes_in ? name->second : "";
}

// Who is known is out where his file is gone. Where it, or the folder, cannot be read, all is as it
// was: anybody can have a process run out of file descriptors.
void Security::read_folder() {
  std::map<std::string, std::string, std::less<>> names;
  std::map<std::string, bool, std::less<>> known;
  std::string trouble;
  std::error_code error;
  fs::directory_iterator at(folder_, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const fs::path path = at->path();
    const std::string name = path.stem();
    if (path.extension() != ".pub" || role_of(name).empty()) continue;
    std::string key;
    try {
      key = read_curve_keys(path).public_key;
    } catch (const StartupError& why) {
      const auto before =
          std::ranges::find(names_, name, [](const auto& pair) { return pair.second; });
      std::error_code gone;
      if (!fs::exists(path, gone)) continue;
      trouble = why.what();
      if (before == names_.end()) continue;
      key = before->first;
    }
    names.emplace(key, name);
    known.emplace(name, true);
  }
  if (error) trouble = folder_ + ": " + error.message();
  if (!trouble.empty() && !troubled_ && say_) say_(trouble);
  troubled_ = !trouble.empty();
  if (error) return;
  const std::lock_guard lock(mutex_);
  names_.swap(names);
  known_.swap(known);
}

bool Security::knows(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return known_.find(name) != known_.end();
}

bool Security::guards(const std::string& endpoint) const {
  return std::ranges::find(doors_, endpoint, &Door::endpoint) != doors_.end();
}

void Security::before_bind(void* socket, const std::string& endpoint) const {
  const auto door = std::ranges::find(doors_, endpoint, &Door::endpoint);
  if (door == doors_.end()) return;
  set_flag(socket, ZMQ_CURVE_SERVER);
  set_text(socket, ZMQ_CURVE_SECRETKEY, own_.secret_key);
  set_text(socket, ZMQ_ZAP_DOMAIN, door->domain);
  set_flag(socket, kEnforceDomain);
}

void Security::before_connect(void* socket, const std::string& endpoint) const {
  const auto server = servers_.find(endpoint);
  if (server == servers_.end()) return;
  set_text(socket, ZMQ_CURVE_SERVERKEY, server->second);
  set_text(socket, ZMQ_CURVE_PUBLICKEY, own_.public_key);
  set_text(socket, ZMQ_CURVE_SECRETKEY, own_.secret_key);
}

void Security::prove(void* socket, const std::string& endpoint) const {
  int type = 0;
  std::size_t size = sizeof type;
  DEPOT_ASSERT(zmq_getsockopt(socket, ZMQ_TYPE, &type, &size) == 0);
  // Of a kind that does not fit it would be refused for that.
  const int fitting = type == ZMQ_XPUB ? ZMQ_SUB : type == ZMQ_SUB ? ZMQ_PUB : ZMQ_DEALER;
  void* const context = zmq_ctx_new();
  void* const stranger = zmq_socket(context, fitting);
  void* const monitor = zmq_socket(context, ZMQ_PAIR);
  const CurveKeys keys = make_curve_keys();
  set_text(stranger, ZMQ_CURVE_SERVERKEY, own_.public_key);
  set_text(stranger, ZMQ_CURVE_PUBLICKEY, keys.public_key);
  set_text(stranger, ZMQ_CURVE_SECRETKEY, keys.secret_key);
  constexpr int kNone = 0;
  for (void* const one : {stranger, monitor}) {
    DEPOT_ASSERT(zmq_setsockopt(one, ZMQ_LINGER, &kNone, sizeof kNone) == 0);
  }
  constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                          ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
  int event = 0;
  if (zmq_socket_monitor(stranger, "inproc://stranger", kEvents) == 0 &&
      zmq_connect(monitor, "inproc://stranger") == 0 &&
      zmq_connect(stranger, endpoint.c_str()) == 0) {
    zmq_pollitem_t item{.socket = monitor, .fd = 0, .events = ZMQ_POLLIN, .revents = 0};
    if (zmq_poll(&item, 1, kProofMs) == 1) {
      const auto frames = receive_all(monitor, 2);
      if (!frames[0].empty()) {  // 16 bits of the event, 32 of its value
        event = static_cast<std::uint8_t>(frames[0][0]) | static_cast<std::uint8_t>(frames[0][1])
                                                              << 8;
      }
    }
  }
  zmq_close(monitor);
  zmq_close(stranger);
  zmq_ctx_term(context);
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return;
  throw StartupError(endpoint + (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED
                                     ? ": a stranger gets in; this libzmq is not to be trusted"
                                     : ": whether a stranger is refused does not show"),
                     kExitUnavailable);
}

std::unique_ptr<Security> open_security(const Config& config, Party party, const std::string& name,
                                        Log& log) {
  std::vector<Security::Door> doors;
  std::vector<Security::Way> ways;
  const auto door = [&](const std::string& endpoint, std::string domain,
                        std::vector<std::string_view> roles) {
    if (endpoint.starts_with(kTcp))
      doors.push_back({endpoint, std::move(domain), std::move(roles)});
  };
  const auto way = [&](const std::string& endpoint, std::string server) {
    if (endpoint.starts_with(kTcp)) ways.push_back({endpoint, std::move(server)});
  };
  switch (party) {
    case Party::balancer:
      door(config.frontend_endpoint(), "frontend", {"gateway"});
      door(config.backend_endpoint(), "backend", {"worker"});
      break;
    case Party::hub:
      door(config.hub_in_endpoint(), "in", {"manufacturer"});
      door(config.hub_out_endpoint(), "out", {"gateway", "manufacturer"});
      door(config.hub_sync_endpoint(), "sync", {"gateway", "manufacturer"});
      break;
    case Party::gateway:
      way(config.frontend_endpoint(), "balancer-1");
      way(config.hub_out_endpoint(), "hub-1");
      way(config.hub_sync_endpoint(), "hub-1");
      break;
    case Party::worker:
      way(config.backend_endpoint(), "balancer-1");
      break;
    case Party::manufacturer:
      way(config.hub_in_endpoint(), "hub-1");
      way(config.hub_out_endpoint(), "hub-1");
      way(config.hub_sync_endpoint(), "hub-1");
      break;
  }
  if (doors.empty() && ways.empty()) return nullptr;
  const std::string file = config.keys_dir + "/" + name + ".key";
  if (!fs::exists(file)) {
    throw StartupError(
        fmt::format(
            "{} needs a key, and there is no {}: depot keys new {}, and docs/OPERATIONS.md, "
            "\"Several machines\"",
            doors.empty() ? ways.front().endpoint : doors.front().endpoint, file, name),
        kExitConfig);
  }
  return std::make_unique<Security>(
      config.keys_dir, name, std::move(doors), ways, [&log](const std::string& why) {
        log.warning("keys cannot be read, so those of before hold", {{"why", why}});
      });
}

}  // namespace depot::messaging
