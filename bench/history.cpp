#include "bench/history.hpp"

#include <fmt/format.h>

#include <iterator>

#include "base/crypto.hpp"
#include "base/fatal.hpp"

namespace depot::bench {
namespace {

constexpr std::string_view kNames[] = {"done", "no", "rejected", "unknown"};

long long nanoseconds(TimePoint time) { return time.time_since_epoch().count(); }

}  // namespace

Answer answer_of(int http_status) {
  if (http_status == 201) return Answer::done;
  if (http_status == 409) return Answer::no;
  // 429 is "later", and no verdict.
  return http_status >= 400 && http_status < 429 ? Answer::rejected : Answer::unknown;
}

History::History(const std::string& path) : path_(path), file_(nullptr, std::fclose) {
  if (path.empty()) return;
  file_.reset(std::fopen(path.c_str(), "ae"));
  if (file_ == nullptr) throw StartupError(path + ": cannot be written", kExitFailed);
  std::setvbuf(file_.get(), nullptr, _IOFBF, 256 * 1024);
}

void History::add(const Attempt& attempt) {
  if (file_ == nullptr) return;
  line_.clear();
  fmt::format_to(std::back_inserter(line_),
                 R"({{"client":"{}","key":"{}","fingerprint":"{}","t_invoke_ns":{},)"
                 R"("t_done_ns":{},"class":"{}","status":{})",
                 attempt.client, attempt.key, to_hex(attempt.fingerprint),
                 nanoseconds(attempt.invoked), nanoseconds(attempt.done),
                 kNames[static_cast<int>(answer_of(attempt.status))], attempt.status);
  if (!attempt.order_id.empty()) {
    line_.append(R"(,"order_id":")").append(attempt.order_id).append("\"");
  }
  line_.append("}\n");
  std::fwrite(line_.data(), 1, line_.size(), file_.get());
}

void History::close() {
  if (file_ == nullptr) return;
  const bool failed = std::ferror(file_.get()) != 0;
  if (std::fclose(file_.release()) != 0 || failed) {
    throw StartupError(path_ + ": could not be written to its end", kExitFailed);
  }
}

}  // namespace depot::bench
