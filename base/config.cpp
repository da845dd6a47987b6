#include "base/config.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/fatal.hpp"
#include "base/yaml.hpp"

namespace depot {
namespace {

using namespace std::chrono_literals;
constexpr auto kDay = Millis(std::chrono::hours(24));
constexpr std::size_t kRuntimeDirMax = 70;  // A unix socket's path has at most 107 bytes.

bool is_address_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view port = text.substr(colon + 1);
  return !port.empty() && port.size() <= 5 &&
         std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; }) &&
         std::stoi(std::string(port)) <= 65'535;
}

std::string check_listen(const std::string& text) {
  return is_address_and_port(text) ? "" : "must be address:port, e.g. 127.0.0.1:8080";
}

std::string check_header_name(const std::string& text) {
  const bool good =
      std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '-'; });
  return good ? "" : "must be a header's name such as X-Forwarded-For, or empty";
}

std::string check_endpoint(const std::string& text) {
  const bool tcp = text.starts_with("tcp://") && is_address_and_port(text.substr(6));
  return text == "ipc" || tcp ? "" : "must be ipc or tcp://address:port";
}

std::string check_redis_url(const std::string& text) {
  const bool good = text.empty() || text.starts_with("unix:///") ||
                    (text.starts_with("redis://") && is_address_and_port(text.substr(8)));
  return good ? "" : "must be unix:///path or redis://host:port";
}

std::string check_period(const std::string& text) {
  const auto duration = parse_duration(text);
  const bool good = text == "monthly" || text == "weekly" || (duration && *duration >= 1s);
  return good ? "" : "must be monthly, weekly or a duration of at least 1s";
}

// In hundredths: the same decimals as money.
const Currency kPercent{.code = "", .digits = 2};

std::string check_percent(const std::string& text) {
  const auto hundredths = parse_money(text, kPercent);
  return hundredths && *hundredths <= 100'00 ? "" : "must be 0 to 100 with at most two decimals";
}

std::string check_zone(const std::string& text) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || std::strchr("_+-/", c); };
  const std::filesystem::path zones = "/usr/share/zoneinfo";
  std::error_code none;
  const bool known = text == "UTC" || !std::filesystem::exists(zones, none) ||
                     std::filesystem::is_regular_file(zones / text, none);
  return !text.empty() && std::ranges::all_of(text, allowed) && text[0] != '/' && known
             ? ""
             : "must be an IANA time zone such as UTC or Europe/Warsaw";
}

std::string check_currency(const std::string& text) {
  const auto currency = currency_from_code(text);
  return currency ? "" : currency.error().message;
}

void bind_gateway(YamlTable& t, GatewayConfig& c) {
  t.text("gateway.listen", c.listen, check_listen);
  t.integer("gateway.count", c.count, 1, 16);
  t.integer("gateway.io_threads", c.io_threads, 1, 64);
  t.size("gateway.header_bytes_max", c.header_bytes_max, 1'024, 1 << 20);
  t.size("gateway.body_bytes_max", c.body_bytes_max, 1'024, 200 * 1'024);
  t.duration("gateway.header_deadline", c.header_deadline, 100ms, 5min);
  t.duration("gateway.body_deadline", c.body_deadline, 100ms, 5min);
  t.duration("gateway.write_deadline", c.write_deadline, 100ms, 5min);
  t.duration("gateway.idle_timeout", c.idle_timeout, 100ms, 1h);
  t.size("gateway.send_buffer", c.send_buffer, 16'384, 1 << 24);
  t.integer("gateway.connections_max", c.connections_max, 1, 1'000'000);
  t.integer("gateway.connections_per_address_max", c.connections_per_address_max, 1, 1'000'000);
  t.integer("gateway.pipeline_max", c.pipeline_max, 1, 10'000);
  t.integer("gateway.in_flight_max", c.in_flight_max, 1, 1'000'000);
  t.duration("gateway.request_budget", c.request_budget, 100ms, 60s);
  t.integer("gateway.attempts_max", c.attempts_max, 1, 10);
  t.duration("gateway.stream_every", c.stream_every, 50ms, 350ms);
  t.duration("gateway.stream_heartbeat", c.stream_heartbeat, 1s, 5min);
  t.duration("gateway.stream_drain_max", c.stream_drain_max, 1s, 10min);
  t.integer("gateway.streams_max", c.streams_max, 0, 1'000'000);
  t.size("gateway.stream_buffer_max", c.stream_buffer_max, 4'096, 64 << 20);
  t.flag("gateway.secure_cookie", c.secure_cookie);
  t.text("gateway.client_address_header", c.client_address_header, check_header_name);
}

void bind_servers(YamlTable& t, Config& c) {
  t.text("admin.listen", c.admin.listen, check_listen);
  t.duration("admin.sample_every", c.admin.sample_every, 200ms, 1min);
  t.integer("admin.samples_max", c.admin.samples_max, 10, 10'000);
  t.text("load_balancer.frontend", c.load_balancer.frontend, check_endpoint);
  t.text("load_balancer.backend", c.load_balancer.backend, check_endpoint);
  t.integer("load_balancer.count", c.load_balancer.count, 1, 8);
  t.integer("load_balancer.queued_max", c.load_balancer.queued_max, 1, 100'000);
  t.integer("load_balancer.queued_per_tenant_max", c.load_balancer.queued_per_tenant_max, 1,
            100'000);
  t.size("load_balancer.queued_bytes_max", c.load_balancer.queued_bytes_max, 1 << 20, 64LL << 30);
  t.duration("load_balancer.queue_wait_max", c.load_balancer.queue_wait_max, 10ms, 60s);
  t.integer("load_balancer.peers_max", c.load_balancer.peers_max, 1, 100'000);
  t.duration("load_balancer.silence_max", c.load_balancer.silence_max, 500ms, 60s);
  t.duration("load_balancer.ping_every", c.load_balancer.ping_every, 10ms, 10s);
  t.integer("workers.count", c.workers.count, 0, 64);
  t.integer("workers.batch_orders_max", c.workers.batch_orders_max, 1, 64);
  t.integer("workers.batch_lines_max", c.workers.batch_lines_max, 1, 512);
  t.integer("workers.batches_in_flight_max", c.workers.batches_in_flight_max, 1, 8);
  t.integer("workers.hash_queue_max", c.workers.hash_queue_max, 1, 10'000);
  t.duration("workers.drain_timeout", c.workers.drain_timeout, 100ms, 5min);
  t.text("hub.in", c.hub.in, check_endpoint);
  t.text("hub.out", c.hub.out, check_endpoint);
  t.text("hub.sync", c.hub.sync, check_endpoint);
  t.integer("hub.count", c.hub.count, 1, 8);
  t.duration("hub.head_every", c.hub.head_every, 50ms, 10s);
  t.duration("hub.pace", c.hub.pace, 1ms, 1s);
  t.integer("hub.sessions_max", c.hub.sessions_max, 1, 1'000'000);
  t.integer("hub.frames_per_second_max", c.hub.frames_per_second_max, 100, 1'000'000);
  t.integer("hub.offers_in_flight_max", c.hub.offers_in_flight_max, 1, 10'000);
  t.integer("hub.asks_in_flight_max", c.hub.asks_in_flight_max, 1, 10'000);
}

void bind_books(YamlTable& t, Config& c) {
  t.choice<RedisMode>("redis.mode", c.redis.mode,
                      {{"private", RedisMode::private_server}, {"external", RedisMode::external}});
  t.text("redis.url", c.redis.url, check_redis_url);
  t.text("redis.users", c.redis.users);
  t.text("redis.dir", c.redis.dir);
  t.size("redis.maxmemory", c.redis.maxmemory, 64LL << 20, 1LL << 40);
  t.integer("redis.purchases_stop_percent", c.redis.purchases_stop_percent, 10, 99);
  t.flag("redis.allow_unsafe", c.redis.allow_unsafe);
  t.choice<std::string>("redis.fsync", c.redis.fsync,
                        {{"always", "always"}, {"everysec", "everysec"}, {"no", "no"}});
  t.text("cycle.period", c.cycle.period, check_period);
  t.text("cycle.zone", c.cycle.zone, check_zone);
  t.duration("cycle.gap", c.cycle.gap, 0s, 366 * kDay);
  t.duration("cycle.collect_for", c.cycle.collect_for, 0s, 31 * kDay);
  t.duration("cycle.closing_grace", c.cycle.closing_grace, 0s, 31 * kDay);
  t.flag("cycle.close_when_depleted", c.cycle.close_when_depleted);
  t.duration("cycle.close_after_quiet", c.cycle.close_after_quiet, 0s, 366 * kDay);
  t.duration("cycle.settle_after", c.cycle.settle_after, 0s, 366 * kDay);
  t.choice<SilentPolicy>("cycle.silent", c.cycle.silent,
                         {{"open", SilentPolicy::open}, {"carry", SilentPolicy::carry}});
  t.text("cycle.fee_percent", c.cycle.fee_percent, check_percent);
  t.flag("manufacturers.open", c.manufacturers.open);
}

void bind_rules(YamlTable& t, Config& c) {
  t.integer("accounts.password_passes", c.accounts.password_cost.passes, 1, 20);
  t.size("accounts.password_memory", c.accounts.password_cost.memory_bytes, 8'192, 1 << 30);
  t.duration("accounts.session_idle", c.accounts.session_idle, 1s, 366 * kDay);
  t.duration("accounts.session_max", c.accounts.session_max, 1s, 366 * kDay);
  t.integer("accounts.failed_logins_per_account_max", c.accounts.failed_logins_per_account_max, 1,
            1'000'000);
  t.integer("accounts.failed_logins_per_address_max", c.accounts.failed_logins_per_address_max, 1,
            1'000'000);
  t.integer("accounts.failed_logins_from_anywhere_max", c.accounts.failed_logins_from_anywhere_max,
            1, 1'000'000);
  t.integer("accounts.taken_emails_told_per_address_max",
            c.accounts.taken_emails_told_per_address_max, 1, 1'000'000);
  t.duration("accounts.login_window", c.accounts.login_window, 1s, kDay);
  t.duration("accounts.address_known_for", c.accounts.address_known_for, 1s, 366 * kDay);
  t.integer("limits.order_lines_max", c.limits.order_lines_max, 1, 1'024);
  t.integer("limits.quantity_max", c.limits.quantity_max, 1, kQuantityMax);
  t.integer("limits.units_per_customer_and_offer_max", c.limits.units_per_customer_and_offer_max, 0,
            1'000'000'000);
  t.integer("limits.refusals_per_minute_max", c.limits.refusals_per_minute_max, 0, 1'000'000);
  t.integer("limits.refusals_max", c.limits.refusals_max, 1, 100'000'000);
  t.integer("limits.feed_entries_max", c.limits.feed_entries_max, 100, 1'000'000);
  t.list("demo.catalogues", c.demo.catalogues, 64);
  t.integer("demo.shoppers", c.demo.shoppers, 0, 1'000);
  t.text("currency", c.currency.code, check_currency);
  t.choice<LogLevel>("log.level", c.log.level,
                     {{"debug", LogLevel::debug},
                      {"info", LogLevel::info},
                      {"warning", LogLevel::warning},
                      {"error", LogLevel::error}});
  t.flag("log.json", c.log.json);
  t.text("runtime_dir", c.runtime_dir);
  t.integer("zmq_io_threads", c.zmq_io_threads, 1, 16);
  t.text("keys_dir", c.keys_dir);
}

YamlTable table_of(Config& config) {
  YamlTable table;
  bind_gateway(table, config.gateway);
  bind_servers(table, config);
  bind_books(table, config);
  bind_rules(table, config);
  return table;
}

// What one key alone cannot tell, and relative paths.
void complete(Config& config, const std::string& name) {
  const auto refuse = [&](const std::string& why) {
    throw StartupError(name + ": " + why, kExitConfig);
  };
  config.currency = *currency_from_code(config.currency.code);
  if (config.redis.mode == RedisMode::external && config.redis.url.empty()) {
    refuse("redis.url: must be set where redis.mode is external");
  }
  // A request is run only within half of silence_max behind a life sign: docs/PROTOCOL.md.
  if (config.load_balancer.ping_every * 4 > config.load_balancer.silence_max) {
    refuse("load_balancer.silence_max: must be at least four times ping_every");
  }
  if (config.accounts.session_idle > config.accounts.session_max) {
    refuse("accounts.session_idle: must not be above session_max");
  }
  const std::filesystem::path folder = config.folder();
  config.redis.dir = folder / config.redis.dir;
  if (!config.redis.users.empty()) config.redis.users = folder / config.redis.users;
  for (std::string& file : config.demo.catalogues) file = folder / file;
  if (config.runtime_dir.empty()) {
    config.runtime_dir =
        fmt::format("/tmp/depot-{}-{}", getuid(), to_hex(sha256(folder.string())).substr(0, 8));
  }
  config.runtime_dir = folder / config.runtime_dir;
  config.keys_dir = folder / config.keys_dir;
  if (config.runtime_dir.size() > kRuntimeDirMax) {
    refuse(fmt::format("runtime_dir: '{}' is longer than {} bytes; a socket's path must fit",
                       config.runtime_dir, kRuntimeDirMax));
  }
}

Config read_config(const std::string& text, const std::string& path, const std::string& name) {
  Config config;
  config.path = path;
  const YamlTable table = table_of(config);
  read_yaml(text, name, table);
  read_environment(table);
  complete(config, name.empty() ? "environment" : name);
  return config;
}

std::string endpoint(const Config& config, const std::string& configured, const char* name,
                     int index) {
  if (configured != "ipc") return configured;
  const std::string number = index == 0 ? "" : fmt::format("-{}", index + 1);
  return fmt::format("ipc://{}/{}{}.sock", config.runtime_dir, name, number);
}

void replace_file(const std::string& path, const std::string& text) {
  const std::string file = std::filesystem::canonical(path);  // Through a symbolic link.
  const std::string fresh = file + ".new";
  struct stat old {};
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written = fd >= 0 && stat(file.c_str(), &old) == 0 &&
                       write(fd, text.data(), text.size()) == std::ssize(text) &&
                       fchmod(fd, old.st_mode & 07777) == 0 && fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (!written || rename(fresh.c_str(), file.c_str()) != 0) {
    unlink(fresh.c_str());
    throw StartupError(fmt::format("{}: cannot be replaced: {}", path, std::strerror(error)),
                       kExitFailed);
  }
}

}  // namespace

std::int64_t CycleConfig::fee_rate() const { return *parse_money(fee_percent, kPercent); }

std::string Config::folder() const {
  return std::filesystem::absolute(path.empty() ? "config.yml" : path)
      .lexically_normal()
      .parent_path();
}
std::string Config::frontend_endpoint(int index) const {
  return endpoint(*this, load_balancer.frontend, "frontend", index);
}
std::string Config::backend_endpoint(int index) const {
  return endpoint(*this, load_balancer.backend, "backend", index);
}
std::string Config::hub_in_endpoint(int index) const {
  return endpoint(*this, hub.in, "hub-in", index);
}
std::string Config::hub_out_endpoint(int index) const {
  return endpoint(*this, hub.out, "hub-out", index);
}
std::string Config::hub_sync_endpoint(int index) const {
  return endpoint(*this, hub.sync, "hub-sync", index);
}
std::string Config::redis_socket() const { return runtime_dir + "/redis.sock"; }
std::string Config::redis_users() const {
  return redis.mode == RedisMode::external ? redis.users : redis.dir + "/users";
}
RedisLogin Config::redis_login(RedisRole role, const std::string& url) const {
  const std::string folder = redis_users(), user(name_of(role));
  if (folder.empty()) return {.url = url};
  return {.url = url, .user = user, .secret_file = folder + "/" + user};
}
std::string Config::redis_url() const {
  return redis.mode == RedisMode::external ? redis.url : "unix://" + redis_socket();
}
std::string Config::admin_socket(const std::string& process) const {
  return fmt::format("{}/admin/{}.sock", runtime_dir, process);
}

Config load_config(const std::string& path) {
  return read_config(path.empty() ? "" : read_text_file(path), path, path);
}

Config parse_config(const std::string& yaml, const std::string& name) {
  return read_config(yaml, "", name);
}

std::string describe_config(const Config& config) {
  Config copy = config;
  return describe(table_of(copy));
}

void make_runtime_dir(const Config& config) {
  for (const std::string& folder : {config.runtime_dir, config.runtime_dir + "/admin"}) {
    struct stat there {};
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      throw StartupError(fmt::format("{}: cannot be made: {}", folder, std::strerror(errno)),
                         kExitConfig);
    }
    // lstat: in /tmp somebody else may have put a link there before us.
    if (lstat(folder.c_str(), &there) != 0 || !S_ISDIR(there.st_mode) ||
        there.st_uid != geteuid() || (there.st_mode & 077) != 0) {
      throw StartupError(folder +
                             ": must be a folder of ours that is closed to others (mode 0700); "
                             "remove it, or name another as runtime_dir",
                         kExitConfig);
    }
  }
}

void edit_config_number(const std::string& path, const std::string& key, std::int64_t value) {
  std::string text = read_text_file(path);
  const YamlPlace place = find_yaml_key(text, path, key);
  const std::string name = key.substr(key.find('.') + 1);
  const std::string line = fmt::format("{}{}: {}\n", name == key ? "" : "  ", name, value);
  if (place.offset != std::string::npos) {
    const std::size_t end = text.find_first_of(" \t\r\n,}#", place.offset);
    text.replace(place.offset, end == std::string::npos ? end : end - place.offset,
                 std::to_string(value));
  } else if (place.line > 0) {  // Right below the section's name.
    if (text.back() != '\n') text += '\n';
    std::size_t at = 0;
    for (std::size_t i = 0; i < place.line; ++i) at = text.find('\n', at) + 1;
    text.insert(at, line);
  } else {
    if (!text.empty() && text.back() != '\n') text += '\n';
    text += name == key ? line : key.substr(0, key.find('.')) + ":\n" + line;
  }
  Config edited;
  const YamlTable table = table_of(edited);
  read_yaml(text, path, table);
  if (("\n" + describe(table)).find(fmt::format("\n{}: {}\n", key, value)) == std::string::npos) {
    throw StartupError(fmt::format("{}:{}: {}: cannot be edited in place; write it as `{}: {}`",
                                   path, place.line, key, name, value),
                       kExitConfig);
  }
  replace_file(path, text);
}

}  // namespace depot
