// The balancer's decider by itself: records a second through queue, dispatch and reply, on one
// core.
//
//   balancer_bench [records in a frame] [bytes of a body] [workers] [tenants] [seconds]
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "load_balancer/balancer.hpp"

using namespace depot;
using namespace depot::load_balancer;
using messaging::FrameType;
using messaging::Header;

namespace {

std::size_t argument(int argc, char** argv, int index, std::size_t otherwise) {
  return argc > index ? std::strtoul(argv[index], nullptr, 10) : otherwise;
}

// One gateway that keeps 512 requests outstanding, and workers that answer all they get at once.
class Peers {
 public:
  Peers(Balancer& balancer, std::size_t records_per_frame, std::size_t body_size,
        std::size_t workers, std::size_t tenants)
      : balancer_(balancer), per_frame_(records_per_frame), tenants_(tenants) {
    body_.assign(body_size, 'x');
    hello(Side::frontend, "g", '\1');
    for (std::size_t i = 0; i < workers; ++i) {
      workers_.push_back({"w" + std::to_string(i), 0, 0});
      hello(Side::backend, workers_.back().id, '\2');
    }
    for (Worker& worker : workers_) reply(worker, {});
  }

  void round() {
    while (outstanding_ + per_frame_ <= 512) ask();
    balancer_.turn(steady_now());
    take_out();
    balancer_.turn(steady_now());
    take_out();
  }
  std::uint64_t answered() const { return answered_; }

 private:
  struct Worker {
    std::string id;
    std::uint32_t session;
    std::uint32_t got;
  };

  void hello(Side side, const std::string& id, char role) {
    std::string frame;
    messaging::write_header({.type = FrameType::hello, .aux = std::hash<std::string>{}(id)}, frame);
    balancer_.on_frame(side, id, frame + role + id, steady_now());
    Header header;
    messaging::read_header(balancer_.out().back().bytes, header);
    side == Side::frontend ? session_ = header.session : workers_.back().session = header.session;
    balancer_.clear_out();
  }

  void ask() {
    frame_.clear();
    messaging::write_header({.type = FrameType::request,
                             .count = static_cast<std::uint16_t>(per_frame_),
                             .session = session_},
                            frame_);
    for (std::size_t i = 0; i < per_frame_; ++i) {
      messaging::append_request({.tag = next_,
                                 .budget_us = 5'000'000,
                                 .tenant = static_cast<std::uint32_t>(next_ % tenants_) * 7919u,
                                 .kind = 1,
                                 .body = body_},
                                frame_);
      ++next_;
    }
    outstanding_ += per_frame_;
    balancer_.on_frame(Side::frontend, "g", frame_, steady_now());
  }

  void reply(Worker& worker, const std::vector<std::uint32_t>& tags) {
    frame_.clear();
    messaging::write_header({.type = tags.empty() ? FrameType::credit : FrameType::reply,
                             .count = static_cast<std::uint16_t>(tags.size()),
                             .session = worker.session,
                             .credit_limit = worker.got + 256},
                            frame_);
    for (const std::uint32_t tag : tags)
      messaging::append_reply({.tag = tag, .body = body_}, frame_);
    balancer_.on_frame(Side::backend, worker.id, frame_, steady_now());
  }

  // Counts replies, and lets workers answer their frames.
  void take_out() {
    std::vector<std::pair<Worker*, std::vector<std::uint32_t>>> answers;
    for (const OutFrame& out : balancer_.out()) {
      Header header;
      messaging::read_header(out.bytes, header);
      if (header.type == FrameType::reply) {
        answered_ += header.count;
        outstanding_ -= header.count;
      } else if (header.type == FrameType::request) {
        Worker& worker = workers_[std::strtoul(out.routing_id.c_str() + 1, nullptr, 10)];
        answers.emplace_back(&worker, std::vector<std::uint32_t>{});
        messaging::RequestReader reader(out.bytes, header);
        for (messaging::RequestRecord r; reader.next(r);) answers.back().second.push_back(r.tag);
        worker.got += header.count;
      }
    }
    balancer_.clear_out();
    for (const auto& [worker, tags] : answers) reply(*worker, tags);
  }

  Balancer& balancer_;
  std::size_t per_frame_;
  std::size_t tenants_;
  std::string body_;
  std::string frame_;
  std::uint32_t session_ = 0;
  std::vector<Worker> workers_;
  std::uint32_t next_ = 0;
  std::size_t outstanding_ = 0;
  std::uint64_t answered_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t per_frame = argument(argc, argv, 1, 64);
  const std::size_t body_size = argument(argc, argv, 2, 200);
  const std::size_t workers = argument(argc, argv, 3, 4);
  const std::size_t tenants = argument(argc, argv, 4, 500);
  const auto seconds = std::chrono::seconds(argument(argc, argv, 5, 2));
  Balancer balancer({}, 12345, steady_now());
  Peers peers(balancer, per_frame, body_size, workers, tenants);
  const TimePoint start = steady_now();
  while (steady_now() - start < seconds) peers.round();
  const double elapsed = std::chrono::duration<double>(steady_now() - start).count();
  fmt::print("{} records in a frame, {} B, {} workers, {} tenants: {:.2f} million records/s\n",
             per_frame, body_size, workers, tenants,
             static_cast<double>(peers.answered()) / elapsed / 1e6);
  return peers.answered() > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
