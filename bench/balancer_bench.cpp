// The balancer by itself, between one asker and echoing workers over unix sockets; and beside it,
// on the same work, libzmq's own zmq_proxy with a record a message: records a second, and CPU time
// of the process in the middle.
//
//   balancer_bench [seconds] [outstanding] [bytes of a body] [workers]
//
// Both in turn, three times, since the machine may be busy with something else.

#include <fmt/format.h>
#include <zmq.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "base/config.hpp"
#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/process.hpp"
#include "messaging/link.hpp"
#include "messaging/poller.hpp"

namespace {

using namespace depot;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Work {
  Duration length = 3s;
  std::uint64_t outstanding = 1'024;
  std::string body;
  std::size_t workers = 2;
};

struct Rate {
  double records = 0, cpu_us = 0;  // a second; of the middle, for one of them
};

// --- Depot's ---

class EchoWorker final : public messaging::LinkEvents {
 public:
  EchoWorker(messaging::Context& context, const std::string& endpoint, const std::string& name)
      : link(context, {.endpoint = endpoint, .role = messaging::Role::worker, .name = name},
             *this) {}
  void on_request(const messaging::RequestRecord& request) override {
    link.send_reply({.tag = request.tag, .body = request.body});
    ++answered_;
  }
  void turn() {
    const TimePoint now = steady_now();
    link.receive(now);
    link.set_credit(static_cast<std::uint32_t>(answered_) + 512, false);
    link.tick(now);
    link.flush(now);
  }
  messaging::Link link;

 private:
  std::uint64_t answered_ = 0;
};

class Asker final : public messaging::LinkEvents {
 public:
  Asker(messaging::Context& context, const std::string& endpoint, const Work& work)
      : link(context, {.endpoint = endpoint, .role = messaging::Role::gateway, .name = "asker"},
             *this),
        work_(work) {}
  void on_reply(const messaging::ReplyRecord& reply) override {
    ++answered;
    good = good && reply.status == 0;
  }
  void turn() {
    link.receive(steady_now());
    while (sent_ - answered < work_.outstanding && link.credit() > 0) {
      link.send_request({.tag = static_cast<std::uint32_t>(sent_),
                         .budget_us = 60'000'000,
                         .tenant = static_cast<std::uint32_t>(sent_ % 64),
                         .body = work_.body});
      ++sent_;
    }
    link.tick(steady_now());
    link.flush(steady_now());
  }
  messaging::Link link;
  std::uint64_t answered = 0;
  bool good = true;

 private:
  const Work& work_;
  std::uint64_t sent_ = 0;
};

// The rate of `count` from when it first moves, while `turn` is called.
template <typename Turn>
Rate measure(pid_t middle, const Work& work, const std::uint64_t& count, const Turn& turn) {
  for (const TimePoint give_up = steady_now() + 20s; count == 0; turn()) {
    if (steady_now() > give_up) throw StartupError("nothing comes back", kExitFailed);
  }
  const std::uint64_t first = count;
  const double cpu = cpu_seconds(middle);
  const TimePoint begin = steady_now();
  while (steady_now() - begin < work.length) turn();
  const double records = static_cast<double>(count - first);
  return {records / std::chrono::duration<double>(steady_now() - begin).count(),
          (cpu_seconds(middle) - cpu) * 1e6 / records};
}

Rate run_depot(const std::string& folder, const Work& work) {
  std::ofstream(folder + "/c.yml")
      << fmt::format("runtime_dir: {}\nlog: {{level: error}}\n", folder);
  Process balancer = Process::start(
      {.arguments = {executable_dir() + "/depot-load-balancer", "--config", folder + "/c.yml"}});
  const Config config = load_config(folder + "/c.yml");
  messaging::Context context, workers_context;
  std::atomic<bool> stop{false};
  std::jthread echo([&] {
    std::vector<std::unique_ptr<EchoWorker>> workers;
    messaging::Poller poller;
    for (std::size_t i = 0; i < work.workers; ++i) {
      workers.push_back(std::make_unique<EchoWorker>(workers_context, config.backend_endpoint(0),
                                                     fmt::format("echo-{}", i)));
      poller.add(workers.back()->link.socket());
    }
    while (!stop) {
      for (auto& worker : workers) worker->turn();
      poller.wait(5ms);
    }
    for (auto& worker : workers) worker->link.bye();
  });
  Asker asker(context, config.frontend_endpoint(0), work);
  messaging::Poller poller;
  poller.add(asker.link.socket());
  const Rate rate = measure(balancer.pid(), work, asker.answered, [&] {
    asker.turn();
    poller.wait(5ms);
  });
  if (!asker.good) throw StartupError("a request was not echoed", kExitFailed);
  stop = true;
  asker.link.bye();
  balancer.signal(SIGTERM);
  balancer.wait(5s);
  return rate;
}

// --- zmq_proxy ---

void* open_socket(void* context, int kind, const char* verb, const std::string& endpoint) {
  void* socket = zmq_socket(context, kind);
  const int none = 0;
  for (const int option : {ZMQ_SNDHWM, ZMQ_RCVHWM, ZMQ_LINGER}) {
    zmq_setsockopt(socket, option, &none, sizeof none);
  }
  const bool binds = std::string_view(verb) == "bind";
  if ((binds ? zmq_bind : zmq_connect)(socket, endpoint.c_str()) != 0) {
    throw StartupError(endpoint + ": " + zmq_strerror(zmq_errno()), kExitFailed);
  }
  return socket;
}

int run_proxy(const std::string& front, const std::string& back) {
  void* context = zmq_ctx_new();
  zmq_proxy(open_socket(context, ZMQ_ROUTER, "bind", front),
            open_socket(context, ZMQ_DEALER, "bind", back), nullptr);
  return kExitFailed;  // It ends by a signal.
}

Rate run_zmq(const std::string& folder, const std::string& self, const Work& work) {
  const std::string front = "ipc://" + folder + "/pf.sock", back = "ipc://" + folder + "/pb.sock";
  Process proxy = Process::start({.arguments = {self, "--proxy", front, back}});
  std::atomic<bool> stop{false};
  std::jthread echo([&] {
    void* context = zmq_ctx_new();
    std::vector<zmq_pollitem_t> items;
    for (std::size_t i = 0; i < work.workers; ++i) {
      items.push_back({open_socket(context, ZMQ_DEALER, "connect", back), 0, ZMQ_POLLIN, 0});
    }
    while (!stop) {
      zmq_poll(items.data(), static_cast<int>(items.size()), 5);
      for (const zmq_pollitem_t& item : items) {
        // The asker's address, an empty frame where it is a REQ, the record: as they come.
        zmq_msg_t part;
        zmq_msg_init(&part);
        while (zmq_msg_recv(&part, item.socket, ZMQ_DONTWAIT) >= 0) {
          zmq_msg_send(&part, item.socket, zmq_msg_more(&part) ? ZMQ_SNDMORE : 0);
        }
        zmq_msg_close(&part);
      }
    }
    for (const zmq_pollitem_t& item : items) zmq_close(item.socket);
    zmq_ctx_term(context);
  });
  void* context = zmq_ctx_new();
  void* socket = open_socket(context, ZMQ_DEALER, "connect", front);
  // As large as a record of ours.
  const std::string record(messaging::kRequestRecordHead + work.body.size(), 'x');
  std::uint64_t sent = 0, answered = 0;
  std::string buffer(record.size() + 1, '\0');
  const Rate rate = measure(proxy.pid(), work, answered, [&] {
    while (sent - answered < work.outstanding) {
      zmq_send(socket, record.data(), record.size(), 0);
      ++sent;
    }
    zmq_pollitem_t item{socket, 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 5);
    while (zmq_recv(socket, buffer.data(), buffer.size(), ZMQ_DONTWAIT) >= 0) ++answered;
  });
  stop = true;
  zmq_close(socket);
  zmq_ctx_term(context);
  return rate;
}

}  // namespace

int main(int argc, char** argv) try {
  crypto_start();
  if (argc == 4 && std::string_view(argv[1]) == "--proxy") return run_proxy(argv[2], argv[3]);
  const auto number = [&](int at, std::size_t otherwise) {
    return argc > at ? std::stoul(argv[at]) : otherwise;
  };
  Work work;
  work.length = std::chrono::seconds(number(1, 3));
  work.outstanding = number(2, 1'024);
  work.body.assign(number(3, 100), 'b');
  work.workers = number(4, 2);
  std::string folder = (fs::temp_directory_path() / "depot-balancer-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) throw StartupError(folder, kExitFailed);
  fmt::print("{} outstanding, bodies of {} bytes, {} workers\n", work.outstanding, work.body.size(),
             work.workers);
  double ours = 0, theirs = 0;
  for (int round = 0; round < 3; ++round) {
    for (const bool depot : {true, false}) {
      const Rate rate = depot ? run_depot(folder, work) : run_zmq(folder, argv[0], work);
      fmt::print("{:<10} {:>10.0f} records/s, {:.2f} us of CPU a record in the middle\n",
                 depot ? "balancer" : "zmq_proxy", rate.records, rate.cpu_us);
      (depot ? ours : theirs) += rate.records;
    }
  }
  fmt::print("ratio      {:.1f}\n", ours / theirs);
  fs::remove_all(folder);
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("balancer_bench", error);
}
