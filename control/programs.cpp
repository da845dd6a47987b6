#include "control/programs.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/fatal.hpp"
#include "base/process.hpp"
#include "http/listener.hpp"
#include "http/server.hpp"
#include "manufacturer/catalogue.hpp"

namespace depot::control {
namespace {

constexpr std::uintmax_t kLogBytesMax = 16 << 20;
constexpr auto kOrphansEvery = std::chrono::milliseconds(50);

// The order of stopping: who brings work first, who keeps it last.
enum class Rank { shoppers, gateway, manufacturer, hub, worker, balancer };

void expect_free(const std::string& key, const std::string& listen, TimePoint deadline) {
  while (true) {
    try {
      boost::asio::io_context io;
      http::open_listener(io, listen, http::PortUse::alone);
      return;
    } catch (const StartupError& error) {
      if (steady_now() > deadline) {
        throw StartupError(fmt::format("{}: {}; stop what listens there, or choose another port: "
                                       "./run --port N, or that key in config.yml",
                                       key, error.what()),
                           error.exit_code());
      }
    }
    std::this_thread::sleep_for(kOrphansEvery);
  }
}

}  // namespace

std::vector<std::string> gateway_addresses(const Config& config) {
  std::vector<std::string> addresses;
  addresses.reserve(static_cast<std::size_t>(config.gateway.count));
  const std::string& listen = config.gateway.listen;
  const std::size_t port = listen.rfind(':') + 1;
  for (int i = 0; i < config.gateway.count; ++i) {
    addresses.push_back(fmt::format("{}{}", listen.substr(0, port), std::stoi(&listen[port]) + i));
  }
  return addresses;
}

std::vector<Program> programs_of(const Config& config, const std::string& config_path) {
  std::vector<Program> programs;
  const auto add = [&](const char* program, const std::string& name, Rank rank) -> Program& {
    const std::string path = fmt::format("{}/{}", executable_dir(), program);
    return programs.emplace_back(Program{
        {name, static_cast<int>(rank), config.workers.drain_timeout + std::chrono::seconds(5)},
        {path, "--config", config_path, "--name", name}});
  };
  const auto add_many = [&](int count, const char* program, const char* kind, Rank rank) {
    for (int i = 1; i <= count; ++i) add(program, fmt::format("{}-{}", kind, i), rank);
  };
  add_many(config.load_balancer.count, "depot-load-balancer", "balancer", Rank::balancer);
  add_many(config.workers.count, "depot-worker", "worker", Rank::worker);
  add_many(config.hub.count, "depot-hub", "hub", Rank::hub);
  add_many(config.gateway.count, "depot-gateway", "gateway", Rank::gateway);
  std::vector<std::string> ids;
  for (const std::string& file : config.demo.catalogues) {
    const std::string& id = ids.emplace_back(manufacturer::read_agent_file(file).id);
    Program& agent = add("depot-manufacturer", id, Rank::manufacturer);
    const std::string data = config.folder() + "/var/manufacturers";
    agent.arguments.insert(agent.arguments.end(), {"--data", data, file});
  }
  if (config.demo.shoppers > 0) {
    Program& shop = add("depot", kShoppers, Rank::shoppers);
    shop.arguments.insert(shop.arguments.begin() + 1, "shop");
    shop.arguments.insert(shop.arguments.end(), {"--rate", std::to_string(config.demo.shoppers),
                                                 "--seconds", "0", "--quiet"});
    for (const std::string& id : ids) {  // The goods of nobody else: a show counts on its own.
      shop.arguments.insert(shop.arguments.end(), {"--manufacturer", id});
    }
  }
  return programs;
}

std::vector<ProcessSpec> specs_of(const std::vector<Program>& programs, bool writers) {
  std::vector<ProcessSpec> specs;
  for (const Program& program : programs) {
    const auto rank = static_cast<Rank>(program.spec.rank);
    if (writers || (rank != Rank::worker && rank != Rank::hub)) specs.push_back(program.spec);
  }
  return specs;
}

void expect_free_ports(const Config& config, Duration wait) {
  const TimePoint deadline = steady_now() + wait;
  for (const std::string& address : gateway_addresses(config)) {
    expect_free("gateway.listen", address, deadline);
  }
  expect_free("admin.listen", config.admin.listen, deadline);
}

std::string log_path(const Config& config, const std::string& process) {
  return fmt::format("{}/var/log/{}.log", config.folder(), process);
}

// Copied and emptied, because the process goes on appending to it; a line in between may be lost.
void set_aside_large_log(const Config& config, const std::string& process, Log& log) {
  namespace fs = std::filesystem;
  const std::string path = log_path(config, process);
  std::error_code error;
  if (fs::file_size(path, error) <= kLogBytesMax || error) return;
  fs::copy_file(path, path + ".1", fs::copy_options::overwrite_existing, error);
  if (!error) fs::resize_file(path, 0, error);
  if (error) log.error("cannot empty a log", {{"file", path}, {"why", error.message()}});
}

std::string last_line_of(const std::string& path) {
  constexpr std::streamoff kTail = 4'096;
  std::ifstream file(path, std::ios::ate);
  file.seekg(std::max<std::streamoff>(0, file.tellg() - kTail));
  std::string line, last;
  while (std::getline(file, line)) {
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace depot::control
