#include "manufacturer/import.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/fatal.hpp"
#include "base/numbers.hpp"
#include "http/client.hpp"
#include "manufacturer/agent.hpp"
#include "manufacturer/catalogue.hpp"
#include "messaging/poller.hpp"

namespace depot::manufacturer {

using namespace std::chrono_literals;
using messaging::SyncError;

namespace {

constexpr std::size_t kAtOnce = 32;  // Manufacturers under way: one connection each.
constexpr auto kProgressMax = 10s;   // Without any: say why, and give up.
constexpr auto kBusyMax = 2s;        // For the hub to find an earlier connection dead.
constexpr auto kPollEvery = 50ms;    // Of a gateway that has not got everything yet.

// One manufacturer's agent on a connection of its own, which is its identity.
class Import final : private AgentActions {
 public:
  Import(messaging::Context& context, const Config& config, const Offers& offers)
      : socket_(context, messaging::SocketKind::dealer),
        agent_({.id = offers.id,
                .name = offers.name,
                .epoch_min = static_cast<std::uint64_t>(wall_now().time_since_epoch().count())},
               *this) {
    socket_.connect(config.hub_sync_endpoint());
    agent_.set_offers(offers.rows);
  }
  // True when this turn brought it on: a record was acknowledged, or entries of its ledger came. A
  // hub that answers, and whose ledger cannot be followed, does not.
  bool turn(TimePoint now) {
    const auto far = [this] {
      return std::tuple(agent_.connected(), agent_.state().acknowledged, agent_.behind());
    };
    const auto before = far();
    messaging::Message frame;
    while (socket_.receive(frame)) agent_.on_sync(0, frame.bytes(), now);
    agent_.on_tick(now);
    return far() != before;
  }
  bool settled() const { return agent_.settled(); }
  const messaging::Socket& socket() const { return socket_; }
  const std::string& refused() const { return refused_; }
  const std::string& busy() const { return busy_; }

 private:
  void send(std::size_t, std::string_view frame) override {
    static_cast<void>(socket_.send(frame));  // What matters is sent again.
  }
  void publish(std::string_view, std::string_view header, std::string_view body) override {
    send(0, std::string(header).append(body));  // One way is enough where nobody else listens.
  }
  void on_entry(const KeptEntry&, bool) override {}
  void on_cycle(const protocol::Cycle& cycle) override {
    if (cycle.state < protocol::CycleState::closed) return;
    refused_ = "cycle " + cycle.id + " is closed, and the next has not begun";
  }
  void on_trouble(SyncError code, std::string_view why) override {
    (code == SyncError::busy ? busy_ : refused_) = why;
  }

  messaging::Socket socket_;
  std::string refused_, busy_;
  Agent agent_;
};

// One line on stderr, over and over on a terminal; elsewhere the last only.
class Progress {
 public:
  explicit Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}
  void show(const std::string& text, bool last = false) const {
    if (quiet_ || (!terminal_ && !last)) return;
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "", text, last ? "\n" : "");
  }

 private:
  const bool quiet_, terminal_;
};

std::string text_of(const ImportSummary& summary) {
  return counted(summary.offers, "offer") + " of " + counted(summary.manufacturers, "manufacturer");
}

[[noreturn]] void give_up(const std::string& id, const std::string& why, int code) {
  throw StartupError(fmt::format("import of {} failed: {}", id, why), code);
}

void state_offers(const Config& config, const std::vector<Offers>& all, const Progress& progress) {
  messaging::Context context;
  std::vector<std::pair<const Offers*, std::unique_ptr<Import>>> under_way;
  std::size_t begun = 0, done = 0;
  const TimePoint start = steady_now();
  TimePoint moved = start;
  while (done < all.size()) {
    for (; under_way.size() < kAtOnce && begun < all.size(); ++begun) {
      under_way.emplace_back(&all[begun], std::make_unique<Import>(context, config, all[begun]));
    }
    messaging::Poller poller;
    for (const auto& [offers, import] : under_way) poller.add(import->socket());
    poller.wait(20ms);
    const TimePoint now = steady_now();
    for (const auto& [offers, import] : under_way) {
      if (import->turn(now)) moved = now;
      if (!import->refused().empty()) give_up(offers->id, import->refused(), kExitFailed);
      if (!import->busy().empty() && now - start > kBusyMax && !import->settled()) {
        give_up(offers->id, import->busy(), kExitFailed);
      }
    }
    if (now - moved > kProgressMax) {
      give_up(under_way.front().first->id,
              "it does not come on at the hub at " + config.hub_sync_endpoint() +
                  "; is `depot up` running, and are the books right (`depot audit`)?",
              kExitUnavailable);
    }
    done += std::erase_if(under_way, [](const auto& one) { return one.second->settled(); });
    progress.show(fmt::format("import: {} of {} manufacturers acknowledged", done, all.size()));
  }
}

// True when the gateway lists every offer of the manufacturer, with its name and at its price, and
// none of those that are withdrawn.
bool shows(const std::string& gateway, const Offers& offers) {
  std::unordered_map<std::string, std::pair<std::string_view, std::int64_t>> missing;
  std::unordered_set<std::string> withdrawn;
  for (const auto& row : offers.rows) {
    if (row.offered == 0) withdrawn.insert(row.sku);
    if (row.offered > 0) missing[row.sku] = {row.name, row.unit_price};
  }
  std::string cursor;
  while (!missing.empty() || !withdrawn.empty()) {
    const std::string target =
        fmt::format("/v1/catalogue?manufacturer={}&include_sold_out=true&limit=100{}", offers.id,
                    cursor.empty() ? "" : "&cursor=" + cursor);
    const Result<http::ClientResponse> page = http::fetch(gateway, "GET", target);
    if (!page) {
      throw StartupError(fmt::format("offers are stated, but the gateway at {} does not answer: {}",
                                     gateway, page.error().message),
                         kExitUnavailable);
    }
    if (page->status != 200) return false;  // Not ready yet.
    const boost::json::value document = boost::json::parse(page->body);
    for (const boost::json::value& item : document.at("items").as_array()) {
      const std::string sku(item.at("sku").as_string());
      if (withdrawn.contains(sku)) return false;
      const auto found = missing.find(sku);
      const std::pair<std::string_view, std::int64_t> shown{
          item.at("name").as_string(), item.at("unit_price").at("amount_minor").as_int64()};
      if (found != missing.end() && found->second == shown) missing.erase(found);
    }
    const boost::json::value& next = document.at("next_cursor");
    if (!next.is_string()) return missing.empty();
    cursor = next.as_string();
  }
  return true;
}

void await_gateways(const Config& config, const std::vector<Offers>& all,
                    const Progress& progress) {
  const std::size_t colon = config.gateway.listen.rfind(':');
  const int port = std::stoi(config.gateway.listen.substr(colon + 1));
  for (int index = 0; index < config.gateway.count; ++index) {
    const std::string gateway =
        fmt::format("{}:{}", config.gateway.listen.substr(0, colon), port + index);
    TimePoint moved = steady_now();
    for (std::size_t done = 0; done < all.size();) {
      if (shows(gateway, all[done])) {
        ++done;
        moved = steady_now();
        progress.show(fmt::format("import: {} has {} of {} manufacturers' offers", gateway, done,
                                  all.size()));
      } else if (steady_now() - moved > kProgressMax) {
        give_up(all[done].id, "the gateway at " + gateway + " does not get its offers",
                kExitUnavailable);
      } else {
        std::this_thread::sleep_for(kPollEvery);
      }
    }
  }
}

}  // namespace

ImportSummary import_catalogue(const Config& config, const std::string& file, bool quiet) {
  const Progress progress(quiet);
  const TimePoint start = steady_now();
  const std::vector<Offers> all = read_offers_of_many(file, config.currency);
  state_offers(config, all, progress);
  await_gateways(config, all, progress);
  ImportSummary summary{.manufacturers = all.size()};
  for (const Offers& offers : all) {
    summary.offers += static_cast<std::size_t>(
        std::ranges::count_if(offers.rows, [](const auto& row) { return row.offered > 0; }));
  }
  summary.seconds = std::chrono::duration<double>(steady_now() - start).count();
  progress.show(fmt::format("import: {} in {:.1f} s", text_of(summary), summary.seconds), true);
  return summary;
}

int run_import(const Config& config, const std::string& file, bool json) {
  const ImportSummary summary = import_catalogue(config, file);
  const std::string text =
      json ? fmt::format(R"({{"manufacturers": {}, "offers": {}, "seconds": {:.3f}}})",
                         summary.manufacturers, summary.offers, summary.seconds)
           : text_of(summary) + (summary.offers == 1 ? " is on sale" : " are on sale");
  return std::puts(text.c_str()) >= 0 ? kExitOk : kExitFailed;
}

}  // namespace depot::manufacturer
