// HTTP/1.1 clients: a blocking one for tools and tests, and a connection with callbacks for the
// load engine.
//
// Threads: each belongs to one thread.
// Errors:  not_executed where the connection was refused or a request was never sent; unknown where
//          it was sent and no answer came.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace depot::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct ClientResponse {
  int status = 0;
  Headers headers;  // names in lower case
  std::string body;
  std::string_view header(std::string_view name) const;  // "" when absent
};

// One request on a connection of its own. `where`: "host:port" or "unix:/path".
Result<ClientResponse> fetch(const std::string& where, std::string_view method,
                             std::string_view target, const Headers& headers = {},
                             std::string_view body = "",
                             std::chrono::milliseconds timeout = std::chrono::seconds(5));

// A keep-alive connection; one request at a time, reconnects by itself for the next one. It leaves
// a timer on `io` for up to `timeout` behind its last answer.
class Connection {
 public:
  Connection(boost::asio::io_context& io, std::string where,
             std::chrono::milliseconds timeout = std::chrono::seconds(30));
  ~Connection();
  using Done = std::function<void(Result<ClientResponse>)>;
  // `head`: extra header lines, each ending in "\r\n". REQUIRES: no request under way.
  void request(std::string_view method, std::string_view target, std::string_view head,
               std::string_view body, Done done);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace depot::http
