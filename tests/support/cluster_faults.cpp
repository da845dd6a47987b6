#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/support/cluster.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {

namespace fs = std::filesystem;

void Cluster::fill_disk(bool full) {
  const std::string path = folder() + "/disk-is-full";
  full ? write_file(path, "") : void(fs::remove(path));
}

const std::string& Cluster::detour() {
  detour_ = folder() + "/detour";
  fs::create_directory(detour_);
  return detour_;
}

void Cluster::arm(const std::string& fault_point) const {
  write_file(fault_points() + "/" + fault_point, "");
}
bool Cluster::armed(const std::string& fault_point) const {
  return fs::exists(fault_points() + "/" + fault_point);
}
void Cluster::disarm(const std::string& fault_point) const {
  fs::remove(fault_points() + "/" + fault_point);
}

std::vector<pid_t> Cluster::kill_up_and_start() {
  std::vector<pid_t> orphans = pids("");
  up_->signal(SIGKILL);
  if (!up_->wait(std::chrono::seconds(5))) throw std::runtime_error("depot up outlives a SIGKILL");
  start();
  return orphans;
}

std::int64_t Cluster::cut_power(double torn) {
  // `depot up` stands still meanwhile, or Redis would be back before its file is cut.
  const auto wait_for = [this](bool there, const char* what) {
    const auto holds = [&] { return pids("redis-server").empty() != there; };
    if (wait_until(std::chrono::seconds(20), holds, what)) return;
    supervisor().signal(SIGCONT);
    throw std::runtime_error(std::string("in vain: ") + what);
  };
  for (bool stopped = false; !stopped;) {
    wait_for(true, "redis-server is there");
    supervisor().signal(SIGSTOP);
    stopped = !pids("redis-server").empty();  // It may have ended in between.
    if (!stopped) supervisor().signal(SIGCONT);
  }
  kill("redis-server");
  wait_for(false, "redis-server is gone");
  fs::path newest;
  for (const auto& file : fs::directory_iterator(config_.redis.dir + "/appendonlydir")) {
    const std::string name = file.path();
    if (name.ends_with(".incr.aof") && name > newest.string()) newest = file.path();
  }
  std::uint64_t synced = 0;  // No fsync has ended where there is no note.
  std::ifstream note(newest.string() + ".synced", std::ios::binary);
  note.read(reinterpret_cast<char*>(&synced), sizeof synced);
  if (!note) synced = 0;
  const std::uint64_t size = fs::file_size(newest);
  synced = std::min(synced, size);  // Redis has cut a write off itself that it could not end.
  const auto kept = synced + static_cast<std::uint64_t>(static_cast<double>(size - synced) * torn);
  fs::resize_file(newest, kept);
  supervisor().signal(SIGCONT);
  return static_cast<std::int64_t>(size - kept);
}

}  // namespace depot::test
