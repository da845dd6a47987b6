#include "tests/support/proxied_agent.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "base/options.hpp"
#include "tests/support/wire.hpp"

namespace depot::test {

using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

constexpr const char* kFields[] = {"wanted", "offered", "sold", "cut", "available", "shortage"};

std::map<std::string, std::int64_t> fields_of(const json::value& row) {
  std::map<std::string, std::int64_t> fields;
  for (const char* field : kFields) fields[field] = row.at(field).as_int64();
  return fields;
}

std::string text_of(const std::map<std::string, std::int64_t>& fields) {
  std::string text;
  for (const auto& [field, number] : fields) text += " " + field + " " + std::to_string(number);
  return text;
}

}  // namespace

std::string agent_file(const std::string& id, const std::vector<Good>& goods) {
  std::string offers, lines;
  for (const Good& good : goods) {
    const std::string sku = "  - {sku: " + good.sku;
    offers += sku + ", name: Product " + good.sku +
              ", unit_price: 2.50, offered: " + std::to_string(good.offered) + "}\n";
    if (good.batch == 0) continue;
    lines += sku + ", batch: " + std::to_string(good.batch) +
             ", every: 100ms, pause_at: " + std::to_string(good.pause_at) + "}\n";
  }
  return "id: " + id + "\nname: Maker " + id + "\naccept_after: never\noffers:\n" + offers +
         (lines.empty() ? "" : "production:\n" + lines);
}

Books::Books(const Cluster& cluster, const std::string& id, std::string admin_socket)
    : cluster_(cluster), admin_socket_(std::move(admin_socket)) {
  const CommandResult added = cluster.depot({"manufacturer", "add", id, "--name", "Maker " + id});
  if (added.exit_code != 0) throw std::runtime_error("depot manufacturer add: " + added.err);
  token_ = added.out.substr(0, added.out.find('\n'));
}

std::optional<json::value> Books::status() const {
  try {
    Wire wire(admin_socket_);
    wire.send("GET /status HTTP/1.1\r\nHost: admin\r\n\r\n");
    json::value status = wire.read_reply(5s).json();
    if (status.as_object().contains("skus")) return status;
  } catch (const WireError&) {  // Killed, or not there yet.
  }
  return std::nullopt;
}

Books::Totals Books::distributors() const {
  Totals totals;
  std::string cursor;
  do {
    const HttpReply reply =
        HttpClient(cluster_.port())
            .request("GET", "/v1/manufacturer/offers?limit=100&cursor=" + cursor, "",
                     {{"Authorization", "Bearer " + token_}});
    if (reply.status != 200) throw WireError("offers: " + reply.body);
    const json::value page = reply.json();
    for (const json::value& item : page.at("items").as_array()) {
      const std::string offer(item.at("offer_id").as_string());
      totals[offer.substr(offer.find(':') + 1)] = fields_of(item);
    }
    const json::value& next = page.at("next_cursor");
    cursor = next.is_null() ? "" : std::string(next.as_string());
  } while (!cursor.empty());
  return totals;
}

std::int64_t Books::distributor(const std::string& sku, const std::string& field) const {
  const Totals totals = distributors();
  const auto row = totals.find(sku);
  return row == totals.end() ? -1 : row->second.at(field);
}

std::string Books::difference(const std::vector<Good>& goods) const {
  const std::optional<json::value> said = status();
  if (!said) return "the agent does not answer";
  const json::value& agent = *said;
  if (agent.at("acknowledged") != json::value(true)) return "records under way";
  if (agent.at("behind").to_number<std::int64_t>() != 0) return "the agent is behind";
  std::map<std::string, std::int64_t> wanted;
  std::set<std::string> grow;
  for (const Good& good : goods) {
    wanted[good.sku] = good.offered;
    if (good.batch > 0) grow.insert(good.sku);
  }
  for (const json::value& line : agent.at("lines").as_array()) {
    if (line.at("standing") != json::value(true)) return "its lines go on";
    wanted[std::string(line.at("sku").as_string())] += line.at("made").as_int64();
  }
  Totals ours;
  for (const json::value& row : agent.at("skus").as_array()) {
    ours[std::string(row.at("sku").as_string())] = fields_of(row);
  }
  const Totals theirs = distributors();
  for (const auto& [sku, fields] : theirs) {
    if (const auto cut = fields.at("cut"); cut > 0 && grow.contains(sku)) {
      return sku + ": " + std::to_string(cut) + " that its line made were taken back";
    }
    if (fields == ours[sku] && fields.at("wanted") == wanted[sku]) continue;
    return sku + ": the distributor has" + text_of(fields) + "; the agent" + text_of(ours[sku]) +
           "; offered and made " + std::to_string(wanted[sku]);
  }
  return ours.size() == theirs.size() ? "" : "the agent has goods that the distributor has not";
}

ProxiedAgent::ProxiedAgent(const Cluster& cluster, const std::string& id, std::vector<Good> goods,
                           std::uint32_t seed)
    : folder_(cluster.folder() + "/" + id),
      data_(cluster.agents()),
      id_(id),
      file_(folder_ + "/" + id + ".yml"),
      fault_points_(cluster.fault_points()) {
  const int hubs = cluster.config().hub.count;
  std::filesystem::create_directory(folder_);
  write_file(folder_ + "/config.yml",
             "runtime_dir: " + folder_ + "/run\nhub:\n  count: " + std::to_string(hubs) + "\n");
  config_ = load_config(folder_ + "/config.yml");
  make_runtime_dir(config_);
  for (int hub = 0; hub < hubs; ++hub) {
    proxies_.push_back(std::make_unique<SyncProxy>(config_, cluster.config(), hub,
                                                   seed + static_cast<std::uint32_t>(hub)));
  }
  books_.emplace(cluster, id, config_.admin_socket(id));
  offer(std::move(goods));
  start();
}

ProxiedAgent::~ProxiedAgent() {
  process_->signal(SIGTERM);
  const std::optional<ExitStatus> ended = process_->wait(10s);
  EXPECT_TRUE(ended && ended->code == 0 && ended->signal == 0) << "the agent does not end well";
}

void ProxiedAgent::offer(std::vector<Good> goods) {
  goods_ = std::move(goods);
  write_file(file_ + ".new", agent_file(id_, goods_));
  std::filesystem::rename(file_ + ".new", file_);
}

void ProxiedAgent::start() {
  process_ = Process::start(
      {.arguments = {program("depot-manufacturer"), "--config", folder_ + "/config.yml", "--data",
                     data_, file_},
       .environment = {std::string(kParentVariable) + "=" + std::to_string(getpid()),
                       "UBSAN_OPTIONS=print_stacktrace=1", "DEPOT_FAULT_POINTS=" + fault_points_},
       .output_path = folder_ + "/agent.log"});
}

void ProxiedAgent::kill_and_start() {
  process_->signal(SIGKILL);
  ASSERT_TRUE(process_->wait(10s)) << "SIGKILL does not end it";
  start();
}

bool ProxiedAgent::revive() {
  if (process_->running()) return false;
  start();
  return true;
}

void ProxiedAgent::freeze(bool frozen) { process_->signal(frozen ? SIGSTOP : SIGCONT); }

std::int64_t ProxiedAgent::made() const {
  std::int64_t made = 0;
  const std::optional<json::value> status = books_->status();
  if (!status) return made;
  for (const json::value& line : status->at("lines").as_array()) {
    made += line.at("made").as_int64();
  }
  return made;
}

void ProxiedAgent::set(Link link) {
  for (const auto& proxy : proxies_) proxy->set(link);
}

}  // namespace depot::test
