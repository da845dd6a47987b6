#include "bench/history.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <iterator>

#include "base/crypto.hpp"
#include "base/fatal.hpp"

namespace depot::bench {

namespace json = boost::json;

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

std::vector<ToldStock> shortages(std::string_view body) {
  std::vector<ToldStock> told;
  boost::system::error_code error;
  const json::value problem = json::parse(body, error);
  const json::value* items = error ? nullptr : problem.find_pointer("/items", error);
  if (items == nullptr || !items->is_array()) return told;
  for (const json::value& item : items->get_array()) {
    const std::string_view why = item.at("problem").as_string();
    if (why != "sold_out" && why != "short") continue;
    told.push_back({std::string(item.at("offer_id").as_string()),
                    item.at("requested").to_number<std::int64_t>(),
                    item.at("available").to_number<std::int64_t>()});
  }
  return told;
}

Receipt receipt_of(const json::value& order) {
  Receipt receipt{.order_id = std::string(order.at("order_id").as_string()),
                  .total = order.at_pointer("/total/amount_minor").to_number<std::int64_t>()};
  for (const json::value& line : order.at("lines").as_array()) {
    receipt.lines.push_back(
        {std::string(line.at("offer_id").as_string()),
         line.at("quantity").to_number<std::int64_t>(),
         line.at_pointer("/unit_price/amount_minor").to_number<std::int64_t>()});
  }
  return receipt;
}

std::vector<protocol::OrderLine> lines_of(const json::value& cart) {
  std::vector<protocol::OrderLine> lines;
  for (const json::value& line : cart.at("lines").as_array()) {
    protocol::OrderLine& known =
        lines.emplace_back(protocol::OrderLine{std::string(line.at("offer_id").as_string()),
                                               line.at("quantity").to_number<std::int64_t>(),
                                               {}});
    boost::system::error_code none;
    const json::value* seen = line.find_pointer("/seen_price/amount_minor", none);
    if (seen != nullptr) known.seen_price = seen->to_number<std::int64_t>();
  }
  return lines;
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
                 attempt.client, attempt.key, to_hex(attempt.asked.fingerprint),
                 nanoseconds(attempt.invoked), nanoseconds(attempt.done),
                 kNames[static_cast<int>(answer_of(attempt.status))], attempt.status);
  add_asked(attempt.asked);
  if (attempt.receipt != nullptr) add_receipt(*attempt.receipt);
  add_told(attempt.told);
  end_line();
}

void History::add(const Cancelling& cancelling) {
  if (file_ == nullptr) return;
  line_ = fmt::format(R"({{"client":"{}","order_id":"{}","t_invoke_ns":{},"t_done_ns":{},)"
                      R"("class":"cancel","status":{})",
                      cancelling.client, cancelling.order_id, nanoseconds(cancelling.invoked),
                      nanoseconds(cancelling.done), cancelling.status);
  end_line();
}

void History::add(const StockRead& read) {
  if (file_ == nullptr) return;
  line_.clear();
  fmt::format_to(std::back_inserter(line_),
                 R"({{"client":"{}","t_invoke_ns":{},"t_done_ns":{},"class":"read","lag_ms":{})",
                 read.client, nanoseconds(read.invoked), nanoseconds(read.done),
                 std::chrono::ceil<std::chrono::milliseconds>(read.lag).count());
  add_told(read.told);
  end_line();
}

void History::add_healed(TimePoint at, Duration within) {
  if (file_ == nullptr) return;
  line_ = fmt::format(R"({{"class":"healed","t_ns":{},"within_ms":{})", nanoseconds(at),
                      std::chrono::ceil<std::chrono::milliseconds>(within).count());
  end_line();
}

void History::add_asked(const protocol::PlaceOrder& asked) {
  const auto out = std::back_inserter(line_);
  if (asked.mode == protocol::OrderMode::available) line_ += R"(,"mode":"available")";
  if (asked.cart_version) fmt::format_to(out, R"(,"cart_version":{})", *asked.cart_version);
  if (asked.lines.empty()) return;
  line_ += R"(,"lines":[)";
  for (const protocol::OrderLine& line : asked.lines) {
    fmt::format_to(out, R"(["{}",{})", line.offer, line.quantity);
    if (line.seen_price) fmt::format_to(out, ",{}", *line.seen_price);
    line_ += "],";
  }
  line_.back() = ']';
}

void History::add_receipt(const Receipt& receipt) {
  fmt::format_to(std::back_inserter(line_), R"(,"order_id":"{}","total":{})", receipt.order_id,
                 receipt.total);
  if (receipt.lines.empty()) return;
  line_ += R"(,"bought":[)";
  for (const BoughtLine& line : receipt.lines) {
    fmt::format_to(std::back_inserter(line_), R"(["{}",{},{}],)", line.offer, line.quantity,
                   line.unit_price);
  }
  line_.back() = ']';
}

void History::add_told(std::span<const ToldStock> told) {
  if (told.empty()) return;
  line_.append(R"(,"told":[)");
  for (const ToldStock& one : told) {
    fmt::format_to(std::back_inserter(line_), R"({{"offer":"{}","requested":{},"available":{}}},)",
                   one.offer, one.requested, one.available);
  }
  line_.back() = ']';
}

void History::end_line() {
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
