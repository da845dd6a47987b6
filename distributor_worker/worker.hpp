// Decides what goes to Redis next, and what is answered.
//
// Orders that are ready travel as one function call, at most batches_in_flight_max calls at a time;
// every other request is a call of its own, sent as it comes; passwords are hashed elsewhere before
// or between. Promise: each request is answered once, and `unknown` only where it may have
// happened.
//
// Threads: one owner.
// Errors:  a body that is not of its form is answered bad_request.
// Source:  docs/ARCHITECTURE.md, "Life of a purchase"; docs/STORE.md, "Functions".
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "messaging/frame.hpp"
#include "messaging/slots.hpp"
#include "protocol/accounts.hpp"
#include "protocol/kinds.hpp"

namespace depot::distributor_worker {

struct Origin {  // where a request came from
  std::uint32_t link = 0;
  std::uint32_t session = 0;
  std::uint32_t tag = 0;
};

struct HashTask {
  std::uint32_t tag = 0;
  bool verify = false;  // `password` against `against`; "" is a hash that nothing matches
  std::string against;
  std::string password;
  std::string to_hash;  // hashed as well where that was right, or not asked; "" = nothing
};
struct HashResult {
  std::uint32_t tag = 0;
  bool right = true;
  std::string hash;  // "" where nothing was to be hashed, or memory was not to be had
};

// What a Worker asks for, called from within its events.
class WorkerActions {
 public:
  virtual ~WorkerActions() = default;
  // One command; answer it by on_answers or on_failed. The views are good during the call only.
  virtual void call(std::uint32_t tag, std::span<const std::string_view> arguments) = 0;
  virtual void hash(HashTask task) = 0;  // answer it by on_hashed
  // Whether the balancer still waits for this one, and will until it runs. Asked before each call.
  virtual bool timely(const Origin& origin) = 0;
  virtual void answer(const Origin& origin, protocol::Status status, std::uint16_t retry_after_ms,
                      std::string_view body) = 0;
};

struct WorkerCounts {
  explicit WorkerCounts(Metrics& metrics);
  Counter &placed, &refused;       // orders, by the verdict that Redis gave for the first time
  Counter &repeated, &not_judged;  // told again; not allowed, or not possible now
  std::vector<Counter*> batches;   // of 1, 2, 3..4, 5..8, ..., 33..64 orders
  std::vector<Counter*> requests;  // by kind, from kRequestKindMin
  std::uint64_t batches_total() const;
  std::uint64_t orders_total() const;
  Counter& of_order(std::string_view answer);
};

class Worker {
 public:
  Worker(const Config& config, WorkerActions& actions, Metrics& metrics);

  void on_request(Origin origin, const messaging::RequestRecord& record, TimePoint now);
  // The session with this balancer is over: what came in it and was not sent on is dropped.
  void on_lost(std::uint32_t link);
  // The strings of an array reply, or the one string; and the class of an error.
  void on_answers(std::uint32_t tag, std::span<const std::string_view> answers);
  void on_failed(std::uint32_t tag, ErrorCode code);
  void on_hashed(const HashResult& result);
  void on_redis(bool connected);
  void on_memory(std::string_view info);  // the answer to INFO memory
  void turn(TimePoint now);               // sends the batches that are ready

  // "You may have sent me this many", for a link that brought `received` in this session.
  std::uint32_t credit(std::uint32_t link, std::uint64_t received) const;
  bool backend_down() const { return !connected_; }
  bool purchases_stopped() const { return purchases_stopped_; }
  bool idle() const { return orders_.empty() && calls_.size() == 0 && hashing_.size() == 0; }
  std::size_t waiting() const { return orders_.size() + hashing_.size(); }
  std::size_t batches_in_flight() const { return batches_in_flight_; }
  const WorkerCounts& counts() const { return counts_; }

 private:
  struct PasswordWork {
    std::variant<protocol::CreateAccount, protocol::LogIn, protocol::ChangeAccount,
                 protocol::DeleteAccount>
        request;
    std::string request_id;  // the same over all attempts
    std::string customer;    // of a log-in, once found
    bool looking = true;     // the call under way only reads
  };
  struct Job {
    Origin origin;
    TimePoint deadline;
    bool alone = false;
    std::string body{};  // of an order
    std::unique_ptr<PasswordWork> password{};
  };
  struct Call {
    std::vector<Job> jobs;
    bool batch = false;
  };
  struct Held {  // requests of a link's session that take up its window
    std::uint32_t session = 0;
    std::uint32_t count = 0;
  };
  using Arguments = std::initializer_list<std::string_view>;

  bool refused_as_late(const Job& job);

  void send_batch();
  void send(Job job, std::string_view function, Arguments arguments);
  void finish(const Job& job, protocol::Status status, std::string_view body = {});
  void deliver(const Job& job, std::string_view answer);

  void begin_password(const messaging::RequestRecord& record, Job job);
  void on_found(Job job, std::string_view answer);
  void hash(Job job, bool verify, std::string_view against);
  void apply(Job job, const HashResult& result);

  WorkerCounts counts_;
  const Config config_;
  WorkerActions& actions_;
  std::deque<Job> orders_;
  messaging::Slots<Call> calls_;
  messaging::Slots<Job> hashing_;
  std::unordered_map<std::uint32_t, Held> held_;  // by link
  std::vector<std::string_view> arguments_;
  std::string options_;
  std::size_t batches_in_flight_ = 0;
  int passwords_ = 0;
  Duration hash_every_{};  // of late, with one behind the other
  TimePoint hashed_at_;    // the last one, or begun
  bool connected_ = false;
  bool purchases_stopped_ = false;
  TimePoint now_{};
};

}  // namespace depot::distributor_worker
