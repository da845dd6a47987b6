// The admin endpoint that every process has: /livez, /readyz, /metrics, /status and POST /drain, on
// a unix socket in the runtime folder or a tcp address. All but /drain is GET and HEAD only: other
// methods are 405, whatever the path, and nothing is made for them. A process may take other POSTs,
// and answer them later. Who comes from this machine and names another host than an address or
// localhost is refused.
//
// Threads: an actor with its own thread; the callbacks run on that thread and may only read atomics
//          or take locks held for moments.
// Errors:  a taken address throws StartupError (exit 69).
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/metrics.hpp"
#include "base/status_board.hpp"
#include "base/stop_signal.hpp"
#include "http/server.hpp"

namespace depot::http {

struct AdminHooks {
  std::function<std::string()> not_ready;     // "" when ready, else why not
  std::function<void()> drain;                // POST /drain
  std::function<std::string()> status;        // GET /status: a JSON object of this process
  std::function<std::string()> metrics = {};  // in the place of the registry's text
  // What more there is to GET: the answer for a path, nullopt where it is none of these.
  std::function<std::optional<Response>(std::string_view path)> pages = {};
  // POST to other paths. `answer` may be called once, from any thread, while the server is there.
  using Answer = std::function<void(Response)>;
  std::function<void(std::string path, Answer answer)> post = {};
};

// Of a process with one loop: what it says of itself, and to be stopped by /drain.
AdminHooks hooks_of(const StatusBoard& board, StopSignal& stop);

class AdminServer {
 public:
  AdminServer(const std::string& listen, const Metrics& metrics, AdminHooks hooks);
  ~AdminServer();  // Stops and joins.
  std::uint16_t port() const { return server_.port(); }

 private:
  const Metrics& metrics_;
  const AdminHooks hooks_;
  boost::asio::io_context io_{1};
  std::map<std::uint64_t, Responder> posted_;  // not answered yet, by number; of thread_
  std::uint64_t posts_ = 0;
  Server server_;
  std::thread thread_;

  void handle(const Request& request, Responder to);
  Response answer(const Request& request) const;
};

}  // namespace depot::http
