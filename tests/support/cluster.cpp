#include "tests/support/cluster.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "base/options.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/wire.hpp"

namespace depot::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kStartMax = 60s;  // sanitizers, one core busy with another test
constexpr auto kStopMax = 30s;

bool port_is_free(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return free;
}

// -1 when somebody else holds the name.
int claim_name(const std::string& name) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.sun_path + 1);  // a leading zero: abstract
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) return fd;
  ::close(fd);
  return -1;
}

std::string yaml_of(const Cluster::Settings& settings) {
  std::string top, sections, open_section;
  for (const auto& [key, value] : settings) {  // A map is sorted: a section's keys stand together.
    const std::size_t dot = key.find('.');
    if (dot == std::string::npos) {
      top.append(key).append(": ").append(value).append("\n");
      continue;
    }
    const std::string section = key.substr(0, dot);
    if (section != open_section) sections += section + ":\n";
    open_section = section;
    sections += "  " + key.substr(dot + 1) + ": " + value + "\n";
  }
  return top + sections;
}

struct ProcessRow {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string name;  // the first word's last part
};

std::vector<ProcessRow> process_table() {
  std::vector<ProcessRow> rows;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string number = entry.path().filename();
    ProcessRow row;
    if (std::from_chars(number.data(), number.data() + number.size(), row.pid).ec != std::errc()) {
      continue;
    }
    const std::string stat = read_file("/proc/" + number + "/stat");
    const std::size_t behind_name = stat.rfind(')');
    if (behind_name == std::string::npos || behind_name + 4 > stat.size()) continue;
    if (stat[behind_name + 2] == 'Z') continue;
    row.parent = std::atoi(stat.c_str() + behind_name + 4);
    std::string command = read_file("/proc/" + number + "/cmdline");
    command.resize(std::min({command.find('\0'), command.find(' '), command.size()}));
    row.name = fs::path(command).filename();
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<ProcessRow> descendants_of(pid_t root) {
  const std::vector<ProcessRow> all = process_table();
  std::vector<ProcessRow> found;
  std::vector<pid_t> parents = {root};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const ProcessRow& row : all) {
      if (row.parent != parent) continue;
      found.push_back(row);
      parents.push_back(row.pid);
    }
  }
  return found;
}

}  // namespace

PortBlock::PortBlock() {
  // Below the kernel's own range (32768 and up), so that no outgoing connection takes one
  // meanwhile.
  constexpr int kLow = 20'000, kBlocks = 1'500;
  const int start = static_cast<int>(getpid()) % kBlocks;
  for (int i = 0; i < kBlocks; ++i) {
    first_ = kLow + ((start + i * 7) % kBlocks) * kSize;
    claim_ = claim_name("depot-test-ports-" + std::to_string(first_));
    if (claim_ < 0) continue;
    bool free = true;
    for (int port = first_; port < first_ + kSize; ++port) free = free && port_is_free(port);
    if (free) return;
    ::close(claim_);
  }
  throw std::runtime_error("no free block of ports between 20000 and 32000");
}

PortBlock::~PortBlock() { ::close(claim_); }

Cluster::Cluster(std::initializer_list<Settings::value_type> settings) {
  settings_ = {
      {"runtime_dir", folder() + "/run"},
      {"gateway.listen", "127.0.0.1:" + std::to_string(ports_.first())},
      {"admin.listen", "127.0.0.1:" + std::to_string(ports_.first() + PortBlock::kSize - 1)},
      {"redis.dir", folder() + "/redis"},
      {"workers.count", "2"},
      {"accounts.password_passes", "1"},
      {"accounts.password_memory", "64KiB"},
  };
  for (const auto& [key, value] : settings) settings_[key] = value;
  write_config();
  fs::create_directory(fault_points());
}

Cluster::~Cluster() {
  try {
    stop();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "stopping the cluster: " << error.what();
  }
}

void Cluster::write_config() {
  write_file(config_path() + ".new", yaml_of(settings_));
  fs::rename(config_path() + ".new", config_path());
  config_ = load_config(config_path());
}

void Cluster::rewrite_config(const Settings& changes) {
  for (const auto& [key, value] : changes) settings_[key] = value;
  write_config();
}

std::string Cluster::admin() const { return config_.admin.listen; }

void Cluster::start(const std::vector<std::string>& words) {
  std::vector<std::string> arguments = {program("depot"), "up", "--config", config_path()};
  arguments.insert(arguments.end(), words.begin(), words.end());
  std::vector<std::string> environment = {
      std::string(kParentVariable) + "=" + std::to_string(getpid()),
      "UBSAN_OPTIONS=print_stacktrace=1",
      std::string("TSAN_OPTIONS=suppressions=") + DEPOT_TSAN_SUPPRESSIONS};
  environment.push_back("DEPOT_FAULT_POINTS=" + fault_points());
  std::string preloaded;
  if (!detour_.empty()) {
    preloaded = DEPOT_DETOUR_LIBRARY;
    environment.push_back("DEPOT_DETOUR=" + detour_);
  }
  if (clock_shift_.count() != 0) {
    preloaded += std::string(preloaded.empty() ? "" : ":") + DEPOT_CLOCK_SHIFT_LIBRARY;
    environment.push_back("DEPOT_CLOCK_SHIFT=" + std::to_string(clock_shift_.count()));
  }
  if (sync_time_.count() != 0 || disk_bytes_ != 0) {
    preloaded += std::string(preloaded.empty() ? "" : ":") + DEPOT_SYNC_NOTES_LIBRARY;
    environment.push_back("DEPOT_SYNC_MS=" + std::to_string(sync_time_.count()));
    environment.push_back("DEPOT_DISK_BYTES=" + std::to_string(disk_bytes_));
    environment.push_back("DEPOT_DISK_FULL=" + folder() + "/disk-is-full");
  }
  if (!preloaded.empty()) {
    environment.push_back("LD_PRELOAD=" + preloaded);
    // A small quarantine, so that a process' memory is about what it uses.
    environment.emplace_back("ASAN_OPTIONS=verify_asan_link_order=0:quarantine_size_mb=16");
  }
  up_ = Process::start(
      {.arguments = arguments, .environment = environment, .output_path = folder() + "/up.log"});
  std::string why;
  const auto ready = [&] {
    if (!up_->running()) return true;  // Judged below.
    for (int i = 0; i < config_.gateway.count; ++i) {
      try {
        const HttpReply reply = HttpClient(port(i)).request("GET", "/readyz");
        if (reply.status != 200) {
          why = std::to_string(reply.status) + " " + reply.body;
          return false;
        }
      } catch (const WireError& error) {
        why = error.what();
        return false;
      }
    }
    return true;
  };
  const auto waited = wait_until(kStartMax, ready, "every gateway is ready");
  if (!waited || !up_->running()) {
    throw std::runtime_error("the cluster did not start (" + why + "):\n" + last_lines(logs(), 60));
  }
}

void Cluster::stop() {
  if (!up_) return;
  const std::vector<ProcessRow> children = descendants_of(up_->pid());
  up_->signal(SIGTERM);
  const auto status = up_->wait(kStopMax);
  if (!status) {
    ADD_FAILURE() << "depot up did not stop within " << kStopMax.count() << " s\n"
                  << last_lines(logs(), 40);
    up_->signal(SIGKILL);
    up_->wait(5s);
    for (const ProcessRow& child : children) ::kill(child.pid, SIGKILL);
  } else {
    EXPECT_EQ(status->signal, 0) << "depot up ended by a signal\n" << last_lines(logs(), 40);
    EXPECT_EQ(status->code, 0) << last_lines(logs(), 40);
    for (const ProcessRow& child : children) {
      EXPECT_TRUE(wait_until(
          5s, [&] { return ::kill(child.pid, 0) != 0; }, child.name + " ends with depot up"));
    }
  }
  up_.reset();
  check_logs();
}

void Cluster::check_logs() {
  const std::string text = logs();
  for (const char* mark : {"ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer",
                           "WARNING: ThreadSanitizer", "broken invariant"}) {
    const std::size_t at = text.find(mark);
    if (at != std::string::npos) {
      ADD_FAILURE() << "a process reported: " << text.substr(at, 4000);
      return;
    }
  }
}

std::vector<pid_t> Cluster::pids(const std::string& name) const {
  std::vector<pid_t> found;
  if (!up_) return found;
  for (const ProcessRow& row : descendants_of(up_->pid())) {
    if (name.empty() || row.name == name) found.push_back(row.pid);
  }
  return found;
}

void Cluster::kill(const std::string& name) {
  const std::vector<pid_t> found = pids(name);
  if (!found.empty()) ::kill(found.front(), SIGKILL);
}

CommandResult Cluster::depot(std::vector<std::string> words, std::chrono::seconds timeout) const {
  words.insert(words.begin(), program("depot"));
  words.insert(words.end(), {"--config", config_path()});
  return run_command(words, {}, timeout);
}

std::string catalogue_csv(const std::vector<Offer>& offers) {
  std::string csv = "manufacturer_id,manufacturer_name,sku,name,unit_price,offered\n";
  for (const Offer& offer : offers) {
    csv += offer.manufacturer + "," +
           (offer.manufacturer_name.empty() ? "Manufacturer " + offer.manufacturer
                                            : offer.manufacturer_name) +
           "," + offer.sku + "," + (offer.name.empty() ? "Product " + offer.sku : offer.name) +
           "," + offer.unit_price + "," + std::to_string(offer.offered) + "\n";
  }
  return csv;
}

void Cluster::import(const std::vector<Offer>& offers) const {
  const std::string path = folder() + "/import.csv";
  write_file(path, catalogue_csv(offers));
  const CommandResult result = depot({"import", path});
  if (result.exit_code != 0) {
    throw std::runtime_error("depot import: exit " + std::to_string(result.exit_code) + "\n" +
                             result.err + last_lines(logs(), 30));
  }
}

void Cluster::expect_clean_audit(const std::string& histories) const {
  std::vector<std::string> command = {"audit"};
  if (!files_below(agents(), ".jsonl").empty())
    command.insert(command.end(), {"--agents", agents()});
  if (!histories.empty()) command.insert(command.end(), {"--histories", histories});
  const CommandResult result = depot(command);
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

std::string Cluster::metrics() const {
  std::string all;
  for (const std::string& socket : files_below(config_.runtime_dir + "/admin", ".sock")) {
    try {
      Wire wire(socket);
      wire.send("GET /metrics HTTP/1.1\r\nHost: admin\r\n\r\n");
      all += wire.read_reply(5s).body;
    } catch (const WireError&) {
      continue;  // Killed, and not there again yet.
    }
  }
  return all;
}

double Cluster::metric(const std::string& name) const {
  double sum = 0;
  std::istringstream text(metrics());
  for (std::string line; std::getline(text, line);) {
    const bool ours = line.starts_with(name + " ") || line.starts_with(name + "{");
    if (ours) sum += std::stod(line.substr(line.rfind(' ') + 1));
  }
  return sum;
}

store::BlockingRedis Cluster::redis() const {
  auto connected = store::BlockingRedis::connect(config_.redis_login(RedisRole::operate));
  if (!connected) throw std::runtime_error("redis: " + connected.error().message);
  return std::move(*connected);
}

std::string Cluster::logs() const {
  std::string text;
  for (const std::string& path : files_below(folder(), ".log")) {
    text += "--- " + path.substr(folder().size() + 1) + "\n" + read_file(path) + "\n";
  }
  return text;
}

}  // namespace depot::test
