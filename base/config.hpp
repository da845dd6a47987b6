// What config.yml says, typed and checked. config.yml in the repository is the annotated reference.
//
// One table in config.cpp binds each key to its member, type, unit and range; unknown keys, wrong
// types and values out of range are errors that name file, line and key. Precedence: defaults, the
// file, then the environment (DEPOT_<SECTION>__<KEY>). Relative paths are relative to the file.
//
// Threads: a value; loaded once, passed by const reference.
// Errors:  load_config throws StartupError (exit 78).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/crypto.hpp"
#include "base/log.hpp"
#include "base/money.hpp"
#include "base/redis_login.hpp"

namespace depot {

using Millis = std::chrono::milliseconds;

struct GatewayConfig {
  std::string listen = "127.0.0.1:8080";
  int count = 1;  // Gateways that `depot up` starts; the second and later take the next ports.
  int io_threads = 1;
  std::int64_t header_bytes_max = 16 * 1024;
  std::int64_t body_bytes_max = 128 * 1024;
  Millis header_deadline{5'000};
  Millis body_deadline{10'000};   // From the end of the header.
  Millis write_deadline{10'000};  // For the peer to take a reply.
  Millis idle_timeout{60'000};
  std::int64_t send_buffer = 128 * 1024;  // Of a connection, in the kernel.
  int connections_max = 20'000;
  int connections_per_address_max = 1'024;  // Loopback is exempt.
  int pipeline_max = 64;                    // Requests of one connection being answered.
  int in_flight_max = 100'000;              // Requests behind one I/O thread.
  Millis request_budget{5'000};             // Time a request may take behind the gateway.
  int attempts_max = 3;
  Millis stream_every{250};  // Of live stock: changes are gathered for this long.
  Millis stream_heartbeat{15'000};
  Millis stream_drain_max{30'000};
  int streams_max = 5'000;
  std::int64_t stream_buffer_max = 256 * 1024;  // Changes that a client may be behind by.
  bool secure_cookie = false;  // Customers come by HTTPS only, through a proxy that ends TLS.
  std::string client_address_header;  // What that proxy names the customer's address in; "": none.
};

struct AdminConfig {
  std::string listen = "127.0.0.1:9080";
  Millis sample_every{1'000};  // Of the numbers that /ops shows.
  int samples_max = 300;       // Of them, kept for its charts.
};

struct LoadBalancerConfig {
  std::string frontend = "ipc";  // "ipc": <runtime>/frontend.sock; else tcp://address:port
  std::string backend = "ipc";
  int count = 1;                     // Balancers that `depot up` starts (ipc only).
  std::int64_t queued_max = 20'000;  // Records waiting for a worker, in all.
  std::int64_t queued_per_tenant_max = 4'000;
  std::int64_t queued_bytes_max = 80LL * 1024 * 1024;  // Of their bodies.
  Millis queue_wait_max{1'000};  // What workers would not get to in this time is refused at once.
  int peers_max = 1'000;         // Gateways, and as many workers.
  Millis silence_max{1'000};     // A peer silent this long is dead.
  Millis ping_every{100};
};

struct WorkersConfig {
  int count = 2;
  int batch_orders_max = 64;
  int batch_lines_max = 512;
  int batches_in_flight_max = 2;
  int hash_queue_max = 32;  // Password hashings waiting; beyond it 503.
  Millis drain_timeout{10'000};
};

struct HubConfig {
  std::string in = "ipc";
  std::string out = "ipc";
  std::string sync = "ipc";
  int count = 1;
  Millis head_every{500};
  Millis pace{10};  // Coalescing of what goes out.
  int sessions_max = 10'000;
  int frames_per_second_max = 3'000;  // Of one session.
  int offers_in_flight_max = 64;      // Of one manufacturer, that the store has not answered.
  int asks_in_flight_max = 16;        // The same of its questions and acceptances.
};

enum class RedisMode { private_server, external };

struct RedisConfig {
  RedisMode mode = RedisMode::private_server;
  std::string url;                // external: unix:///path or redis://host:port
  std::string users;              // external: the folder of the secrets; "": no log-in
  std::string dir = "var/redis";  // private: where the data lies, and the secrets in users/
  std::int64_t maxmemory = 2LL * 1024 * 1024 * 1024;
  int purchases_stop_percent = 85;  // Of maxmemory; beyond it new purchases are 503.
  bool allow_unsafe = false;        // Turns the refusal of a lossy Redis into a loud warning.
  std::string fsync = "always";     // "always", "everysec", "no": the last two for bench only
};

enum class SilentPolicy { open, carry };

struct CycleConfig {
  std::string period = "monthly";  // "monthly", "weekly" or a duration ("90s")
  std::string zone = "UTC";        // IANA name
  Millis gap{0};
  Millis collect_for{2'000};
  Millis closing_grace{0};
  bool close_when_depleted = false;
  Millis close_after_quiet{0};  // 0: never
  Millis settle_after{std::chrono::hours(24 * 14)};
  // Of manufacturers that do not say what they offer: nothing, or what they did not sell.
  SilentPolicy silent = SilentPolicy::open;
  std::string fee_percent = "0";  // of what was sold; two decimals
  std::int64_t fee_rate() const;  // the same in hundredths of a percent
};

struct ManufacturersConfig {
  bool open = true;  // Unknown ids are welcome; for ipc endpoints only.
};

struct AccountsConfig {
  PasswordCost password_cost;
  Millis session_idle{std::chrono::hours(24)};
  Millis session_max{std::chrono::hours(24 * 14)};
  int failed_logins_per_account_max = 10;  // from one address within login_window, then 429
  int failed_logins_per_address_max = 100;
  int taken_emails_told_per_address_max = 100;  // within login_window, then 429; loopback is exempt
  int failed_logins_from_anywhere_max = 200;    // Of one account; known addresses are exempt.
  Millis address_known_for{std::chrono::days(30)};  // Since its customer last logged in from it.
  Millis login_window{std::chrono::minutes(15)};
};

struct LimitsConfig {
  int order_lines_max = 1'024;
  std::int64_t quantity_max = 1'000'000;
  std::int64_t units_per_customer_and_offer_max = 0;  // 0: no cap
  std::int64_t refusals_per_minute_max = 0;           // per customer; 0: off
  std::int64_t refusals_max = 2'000'000;              // recorded per day, in all
  std::int64_t feed_entries_max = 10'000;
};

struct DemoConfig {
  std::vector<std::string> catalogues;  // Manufacturer files that `depot up` starts an agent for.
  int shoppers = 0;                     // Purchases a second that it keeps going; 0: none.
};

struct Config {
  GatewayConfig gateway;
  AdminConfig admin;
  LoadBalancerConfig load_balancer;
  WorkersConfig workers;
  HubConfig hub;
  RedisConfig redis;
  CycleConfig cycle;
  ManufacturersConfig manufacturers;
  AccountsConfig accounts;
  LimitsConfig limits;
  DemoConfig demo;
  Currency currency;
  LogConfig log;
  std::string runtime_dir;  // "" = /tmp/depot-<uid>-<hash of the config's folder>
  int zmq_io_threads = 1;
  std::string keys_dir = "var/keys";  // of the CURVE keys of tcp endpoints

  std::string path;  // The file it came from; "" when there was none.

  std::string folder() const;  // The file's, absolute; the working folder when there was no file.

  // Endpoints with "ipc" resolved below runtime_dir; `index` from 0 for the second of a kind.
  std::string frontend_endpoint(int index = 0) const;
  std::string backend_endpoint(int index = 0) const;
  std::string hub_in_endpoint(int index = 0) const;
  std::string hub_out_endpoint(int index = 0) const;
  std::string hub_sync_endpoint(int index = 0) const;
  std::string redis_socket() const;  // private mode's unix socket
  std::string redis_url() const;     // what to connect to in either mode
  std::string redis_users() const;   // the secrets' folder, or ""
  RedisLogin redis_login(RedisRole role) const { return redis_login(role, redis_url()); }
  RedisLogin redis_login(RedisRole role, const std::string& url) const;
  std::string admin_socket(const std::string& process) const;  // <runtime>/admin/<process>.sock
};

// `path` may be "" (defaults and environment only). Throws StartupError "file:line: key: why".
Config load_config(const std::string& path);

// Checks text without a file; for tests and fuzzing. `name` stands for the file in messages.
Config parse_config(const std::string& yaml, const std::string& name);

// Every key as it is in force, one "section.key: value" a line; load_config reads that form too.
std::string describe_config(const Config& config);

// Makes the runtime folder and its admin/ inside, mode 0700, owned by us. Throws StartupError when
// it exists and belongs to somebody else or is open to others.
void make_runtime_dir(const Config& config);

// Rewrites the number of one integer key in place, everything else kept byte for byte. Creates the
// key where it is absent. Fails with bad_input where the result would not load.
// Used by `depot scale workers N` with key "workers.count".
void edit_config_number(const std::string& path, const std::string& key, std::int64_t value);

}  // namespace depot
