// Bytes of a connection into requests, by Beast's parser: the framing rules of the server, no I/O.
//
// A head is parsed once all of it is there, so that how the bytes were split changes nothing. What
// could be read in two ways (both lengths, two hosts, folded lines ...) is malformed, not guessed.
//
// Threads: a value; the requests it gives are views into the bytes given.
// Errors:  after anything but need_more and request, the rest of the bytes mean nothing.
// Source:  RFC 9112, sections 2, 3, 5, 6 and 7.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "http/server.hpp"

namespace depot::http {

class RequestReader {
 public:
  RequestReader(std::size_t header_bytes_max, std::size_t body_bytes_max);
  ~RequestReader();

  enum class Step { need_more, request, malformed, body_too_large, headers_too_large };
  // Looks for a request at the front of `bytes`, the input less what was dropped so far. Drop
  // `used` bytes: at once for need_more; for a request once it is handled, as its views lie in
  // them. Until next() says so, read() finds the same request again.
  Step read(std::string_view bytes, std::size_t& used);
  // The request that read() found is handled.
  void next();

  const Request& request() const { return request_; }  // REQUIRES: read() returned `request`.
  bool keep_alive() const { return keep_alive_; }
  bool minor_version_0() const { return version_ == 10; }
  bool in_body() const { return bytes_wanted_ > 0 || chunks_; }
  bool wants_continue() const { return wants_continue_; }  // 100 (Continue), before its body

 private:
  struct HeadParser;
  struct Chunks;
  Step read_head(std::string_view bytes, std::size_t& used);
  Step read_chunks(std::string_view bytes, std::size_t& used);
  bool accept(const HeadParser& parser);

  std::size_t header_bytes_max_;
  std::size_t body_bytes_max_;
  Request request_;
  std::vector<Request::Field> fields_;
  int version_ = 11;
  bool keep_alive_ = true;
  bool wants_continue_ = false;
  std::size_t searched_ = 0;      // Bytes that hold no end of a head.
  std::size_t bytes_wanted_ = 0;  // Head and body of a request whose body is not all here.
  std::unique_ptr<Chunks> chunks_;
};

}  // namespace depot::http
