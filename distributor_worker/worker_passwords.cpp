// The part of a Worker that deals with passwords: find the stored hash, have it verified, have a
// new one made, apply. Views into a PasswordWork stay good while its Job moves: it is on the heap.
#include "distributor_worker/worker.hpp"
#include "protocol/msgpack.hpp"

namespace depot::distributor_worker {

using protocol::ChangeAccount;
using protocol::CreateAccount;
using protocol::DeleteAccount;
using protocol::LogIn;
using protocol::RequestKind;
using protocol::Status;
using std::to_string;

namespace {

// Of a log-in's 5 s: where the cores have no time left, hashing takes many times as long.
constexpr Duration kHashingMax = std::chrono::seconds(2);

// REQUIRES: a ChangeAccount or a DeleteAccount.
const protocol::Caller& caller_of(const auto& request) {
  const auto* change = std::get_if<ChangeAccount>(&request);
  return change ? change->caller : std::get<DeleteAccount>(request).caller;
}

}  // namespace

void Worker::begin_password(const messaging::RequestRecord& record, Job job) {
  auto work = std::make_unique<PasswordWork>();
  work->request_id.assign(record.request_id.begin(), record.request_id.end());
  const auto kind = static_cast<RequestKind>(record.kind);
  const std::string_view body = record.body;
  const auto take = [&](auto decoded) {
    if (decoded) work->request = std::move(*decoded);
    return decoded.has_value();
  };
  const bool good =
      kind == RequestKind::create_account   ? take(protocol::decode_create_account(body))
      : kind == RequestKind::log_in         ? take(protocol::decode_log_in(body))
      : kind == RequestKind::change_account ? take(protocol::decode_change_account(body))
                                            : take(protocol::decode_delete_account(body));
  if (!good) return finish(job, Status::bad_request);
  // From here on it takes a place among the passwords instead of one in the link's window, so that
  // a flood of log-ins keeps no order away.
  --held_[job.origin.link].count;
  const PasswordWork& request = *work;
  job.password = std::move(work);
  const int before = passwords_++;
  if (before >= config_.workers.hash_queue_max || before * hash_every_ > kHashingMax) {
    return finish(job, Status::overload);
  }

  if (const auto* create = std::get_if<CreateAccount>(&request.request)) {
    if (!create->counted) return hash(std::move(job), false, "");
    return send(std::move(job), "check_sign_up_v1",
                {create->caller.customer, create->email, create->address,
                 to_string(config_.accounts.taken_emails_told_per_address_max)});
  }
  if (const auto* log_in = std::get_if<LogIn>(&request.request)) {
    const AccountsConfig& accounts = config_.accounts;
    return send(std::move(job), "find_login_v1",
                {log_in->email, log_in->address, to_string(accounts.failed_logins_per_account_max),
                 to_string(accounts.failed_logins_per_address_max),
                 to_string(accounts.failed_logins_from_anywhere_max)});
  }
  const auto* change = std::get_if<ChangeAccount>(&request.request);
  if (change && !change->email && !change->password) return apply(std::move(job), {});
  if (change && !change->current_password) return finish(job, Status::bad_request);
  const protocol::Caller& caller = caller_of(request.request);
  send(std::move(job), "find_password_v1",
       {caller.session, caller.customer, request.request_id,
        to_string(config_.accounts.failed_logins_per_account_max)});
}

void Worker::on_found(Job job, std::string_view answer) {
  if (answer.starts_with('P')) return deliver(job, answer.substr(1));  // Done, by another attempt.
  if (!answer.starts_with('O')) return deliver(job, answer);
  protocol::Reader reader(answer.substr(1));
  if (std::holds_alternative<CreateAccount>(job.password->request)) {
    return hash(std::move(job), false, "");
  }
  std::string_view stored;  // Stays empty for an unknown e-mail: that takes the same time.
  if (!std::holds_alternative<LogIn>(job.password->request)) {
    stored = reader.string();
  } else if (!reader.is_nil() && reader.array() == 2) {
    job.password->customer = reader.string();
    stored = reader.string();
  }
  if (!reader.ok()) return finish(job, Status::unknown);
  hash(std::move(job), true, stored);
}

void Worker::hash(Job job, bool verify, std::string_view against) {
  if (refused_as_late(job)) return;
  HashTask task{.verify = verify, .against = std::string(against), .password = {}, .to_hash = {}};
  const auto& request = job.password->request;
  if (const auto* create = std::get_if<CreateAccount>(&request)) task.to_hash = create->password;
  if (const auto* log_in = std::get_if<LogIn>(&request)) task.password = log_in->password;
  if (const auto* leave = std::get_if<DeleteAccount>(&request)) task.password = leave->password;
  if (const auto* change = std::get_if<ChangeAccount>(&request)) {
    task.password = *change->current_password;
    task.to_hash = change->password.value_or("");
  }
  if (hashing_.size() == 0) hashed_at_ = now_;
  task.tag = hashing_.insert(std::move(job));
  actions_.hash(std::move(task));
}

void Worker::on_hashed(const HashResult& result) {
  hash_every_ = (3 * hash_every_ + (now_ - hashed_at_)) / 4;
  hashed_at_ = now_;
  if (std::optional<Job> job = hashing_.take(result.tag)) apply(std::move(*job), result);
}

void Worker::apply(Job job, const HashResult& result) {
  PasswordWork& work = *job.password;
  work.looking = false;
  std::string body;
  const AccountsConfig& accounts = config_.accounts;
  const std::string account_max = to_string(accounts.failed_logins_per_account_max);
  const std::string told_max = to_string(accounts.taken_emails_told_per_address_max);
  const std::string known_for = to_string(accounts.address_known_for.count());
  const std::string window = to_string(accounts.login_window.count());
  if (const auto* log_in = std::get_if<LogIn>(&work.request)) {
    // A wrong one is said too: the function counts it.
    return send(
        std::move(job), "log_in_v1",
        {log_in->session, work.customer, log_in->email, log_in->address, result.right ? "1" : "0",
         window, to_string(accounts.session_idle.count()), to_string(accounts.session_max.count()),
         work.request_id, known_for, account_max, to_string(accounts.failed_logins_per_address_max),
         to_string(accounts.failed_logins_from_anywhere_max)});
  }
  if (!result.right) {
    const protocol::Caller& caller = caller_of(work.request);
    return send(std::move(job), "wrong_password_v1",
                {caller.session, caller.customer, work.request_id, window, account_max});
  }
  if (auto* create = std::get_if<CreateAccount>(&work.request)) {
    if (result.hash.empty()) return finish(job, Status::overload);  // No memory for it now.
    create->password = result.hash;
    protocol::encode(*create, body);
    return send(
        std::move(job), "create_account_v2",
        {body, to_string(accounts.session_idle.count()), to_string(accounts.session_max.count()),
         work.request_id, window, told_max, known_for});
  }
  if (const auto* leave = std::get_if<DeleteAccount>(&work.request)) {
    protocol::encode(leave->caller, body);
    return send(std::move(job), "delete_account_v1", {body, work.request_id, account_max});
  }
  auto& change = std::get<ChangeAccount>(work.request);
  if (change.password) {
    if (result.hash.empty()) return finish(job, Status::overload);
    change.password = result.hash;
  }
  change.current_password.reset();
  protocol::encode(change, body);
  send(std::move(job), "change_account_v2", {body, work.request_id, account_max, window, told_max});
}

}  // namespace depot::distributor_worker
