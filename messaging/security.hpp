// Who may come in by a tcp endpoint: CURVE keys, one for each process and manufacturer, and the ZAP
// handler that knows them. ipc endpoints need none: they lie in a folder of mode 0700.
//
// A key is known by a file in keys.dir: NAME.pub, its public half. NAME begins with a role:
// "gateway-1", "manufacturer-tea-co". What a peer is comes from its key and never from what it
// says. A file that is removed ends the trust within kReadAgain, also in connections that are open;
// one that cannot be read, while it is there, does not.
//
// Threads: one makes it and its sockets; the handler has its own, and knows() is anybody's.
// Errors:  StartupError naming the file or endpoint: no key, one that others may read, an endpoint
//          that lets a stranger in.
// Source:  rfc.zeromq.org/spec/26 (CURVE), /27 (ZAP); docs/PROTOCOL.md, "Keys".
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"

namespace depot::messaging {

struct CurveKeys {  // Z85, 40 characters each
  std::string public_key, secret_key;
};
CurveKeys make_curve_keys();
CurveKeys read_curve_keys(const std::string& path);  // of a .key or a .pub, which has no secret

// The role that a name begins with, "" where that is none.
std::string_view role_of(std::string_view name);

class Security {
 public:
  static constexpr std::chrono::seconds kReadAgain{1};

  struct Door {  // an endpoint that is bound here
    std::string endpoint, domain;
    std::vector<std::string_view> roles;  // that come in
  };
  struct Way {  // an endpoint that is connected to
    std::string endpoint;
    std::string server;  // the name of the process that binds it
  };
  // What cannot be read while it runs; from the handler's thread.
  using Say = std::function<void(const std::string& why)>;
  Security(std::string folder, const std::string& own, std::vector<Door> doors,
           const std::vector<Way>& ways, Say say = {});
  ~Security();
  Security(const Security&) = delete;
  Security& operator=(const Security&) = delete;

  void start(void* context);  // the ZAP handler; before the first bind
  void stop();
  // Set what the endpoint asks of a socket; for others than ours of tcp, nothing.
  void before_bind(void* socket, const std::string& endpoint) const;
  void before_connect(void* socket, const std::string& endpoint) const;
  bool guards(const std::string& endpoint) const;
  // Throws unless a stranger with a key of its own is refused where `socket` is bound.
  void prove(void* socket, const std::string& endpoint) const;
  // Whether a peer that came in as `name` is still known.
  bool knows(std::string_view name) const;

 private:
  void handle();
  void read_folder();
  std::string name_of(std::string_view public_key, std::string_view domain) const;

  const std::string folder_;
  const CurveKeys own_;
  const std::vector<Door> doors_;
  std::map<std::string, std::string> servers_;  // endpoint -> public key
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> names_;  // public key -> name
  std::map<std::string, bool, std::less<>> known_;         // names
  const Say say_;
  bool troubled_ = false;  // at the last reading
  void* context_ = nullptr;
  std::atomic<bool> stop_ = false;
  std::thread handler_;
};

enum class Party { balancer, hub, gateway, worker, manufacturer };
// What a process of that kind and name needs; nullptr where all its endpoints are ipc. `log`
// outlives it.
std::unique_ptr<Security> open_security(const Config& config, Party party, const std::string& name,
                                        Log& log);

}  // namespace depot::messaging
