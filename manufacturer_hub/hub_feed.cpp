// What goes out: the feed as it grows, and the pages that a FETCH or SNAPSHOT asks for.
#include <algorithm>

#include "manufacturer_hub/hub.hpp"

namespace depot::manufacturer_hub {

using messaging::kNoPosition;
using messaging::Sent;
using messaging::SyncHeader;
using messaging::SyncType;

namespace {

constexpr Duration kHeadPace = std::chrono::milliseconds(100);  // Of one ledger's head.
constexpr std::size_t kJobsMax = 1'000;              // Answers to FETCH and SNAPSHOT under way.
constexpr std::size_t kWindowBytesMax = 128 * 1024;  // A record stays far below a message's limit.

}  // namespace

void Hub::on_feed(const FeedEntry& entry) {
  if (entry.number <= feed_number_) return;  // Asked for before on_store() said where it begins.
  if (entry.number != feed_number_ + 1) {
    // Cut off before we read it: subscribers must see the gap, so it stays one.
    publish_window();
    for (Kind& kind : kinds_) kind.last = entry.number - 1;
  }
  feed_number_ = entry.number;
  if (!window_.add(entry)) actions_.warn("feed entry that cannot be read", "redis");
  if (window_.bytes() > kWindowBytesMax) publish_window();
}

void Hub::on_subscription(std::string_view topic) {
  std::string_view kind, id;
  if (messaging::split_topic(topic, kind, id) && kind == "head") {
    if (manufacturers_.contains(id)) dirty_heads_.emplace(id);
  } else {
    heads_due_ = {};  // At the next tick: a flood of subscriptions is one HEAD.
  }
}

void Hub::on_tick(TimePoint now, WallTime wall) {
  time_us_ = static_cast<std::uint64_t>(wall.time_since_epoch().count()) * 1'000;
  if (store_id_.empty()) return;
  if (!window_.empty() && now >= window_due_) {
    publish_window();
    window_due_ = now + config_.pace;
  }
  publish_ledger_heads(now);
  if (now >= heads_due_) publish_heads(now);
  for (auto next = jobs_.begin(); next != jobs_.end();) {
    const auto& [ticket, job] = *next++;
    if (job.full && job_for(ticket, true)) read_page(ticket);
  }
}

void Hub::publish_window() {
  for (Kind& kind : kinds_) {
    const std::string body = window_.body(kind.flag);
    if (body.empty()) continue;
    publish(kind.topic, {SyncType::record, 0, data_set_, kind.last + 1, feed_number_}, body);
    kind.last = feed_number_;
  }
  if (window_.cycle()) cycle_ = *window_.cycle();
  for (const auto& [id, name] : window_.manufacturers()) manufacturers_[id].name = name;
  for (const auto& [id, head] : window_.heads()) {
    Manufacturer& maker = manufacturers_[id];
    std::tie(maker.head_epoch, maker.head_number) = head;
    dirty_heads_.insert(id);
  }
  window_ = {};
}

// Every kind's position; and whether every peer is still there.
void Hub::publish_heads(TimePoint now) {
  publish_window();
  for (Kind& kind : kinds_) {
    publish(kind.topic, {SyncType::head, 0, data_set_, kind.last + 1, feed_number_});
    kind.last = feed_number_;
  }
  std::vector<std::string> gone;
  for (const auto& [peer, session] : sessions_) {
    if (!alive(peer, now)) gone.push_back(peer);
  }
  for (const std::string& peer : gone) drop(peer);
  heads_due_ = now + config_.head_every;
}

void Hub::publish_ledger_heads(TimePoint now) {
  std::erase_if(dirty_heads_, [&](const std::string& id) {
    Manufacturer& maker = manufacturers_[id];
    if (now - maker.head_sent < kHeadPace) return false;
    maker.head_sent = now;
    const SyncHeader head{SyncType::head, 0, maker.head_epoch, maker.head_number + 1,
                          maker.head_number};
    publish("head/" + id + "/", head);
    return true;
  });
}

void Hub::publish(std::string_view topic, SyncHeader header, std::string_view body) {
  header.time_us = time_us_;
  std::string bytes;
  write_sync_header(header, bytes);
  actions_.publish(topic, bytes, body);
}

// The session says whose ledger, or that it is the public feed; the request does not.
void Hub::on_fetch(const std::string& peer, Session& session, const SyncHeader& header) {
  if (jobs_.size() >= kJobsMax) return;  // It asks again.
  jobs_.erase(session.ticket);           // A new request replaces the one before.
  session.ticket = ++tickets_;
  Job job{.peer = peer, .kind = Job::Kind::snapshot, .epoch = data_set_, .from = kNoPosition};
  if (!session.manufacturer.empty()) {
    const bool all = header.from == kNoPosition;
    // It asks for what is behind what it has; what was sent and got lost it lacks after all.
    auto& told = manufacturers_[session.manufacturer].told;
    told.reset();
    if (!all && header.from > 0) told.emplace(header.epoch, header.from - 1);
    job.kind = Job::Kind::ledger;
    job.epoch = all ? 0 : header.epoch;
    job.from = all ? 0 : header.from;
  } else if (header.type == SyncType::fetch && header.epoch == data_set_ && header.from > 0 &&
             header.from <= feed_number_ + 1) {
    job.kind = Job::Kind::feed;
    job.from = header.from;
  }
  jobs_[session.ticket] = std::move(job);
  read_page(session.ticket);
}

void Hub::on_ask(const std::string& peer, Session& session, std::uint64_t ticket,
                 std::string_view body, TimePoint now) {
  const auto ask = protocol::decode_sync_ask(body);
  if (!ask) return complain(session.manufacturer, "malformed ASK", now);
  if (session.asked >= config_.asks_in_flight_max) return;  // It asks again.
  ++session.asked;
  actions_.ask(peer, ticket, session.manufacturer, *ask);
}

void Hub::on_answer(const std::string& peer, std::uint64_t ticket,
                    const Result<std::string_view>& answer) {
  const auto session = sessions_.find(peer);
  if (session == sessions_.end()) return;
  if (session->second.asked > 0) --session->second.asked;  // Else of a session before this one.
  if (!answer) return;
  const std::size_t parts =
      std::max<std::size_t>(1, (answer->size() + messaging::kSnapshotPartBytesMax - 1) /
                                   messaging::kSnapshotPartBytesMax);
  for (std::size_t part = 0; part < parts; ++part) {
    const SyncHeader header{.type = SyncType::answer,
                            .flags = static_cast<std::uint32_t>(part),
                            .from = ticket,
                            .to = parts};
    const std::string_view piece =
        answer->substr(part * messaging::kSnapshotPartBytesMax, messaging::kSnapshotPartBytesMax);
    if (send(peer, header, piece) != Sent::yes) return;  // It reads slowly, and asks again.
  }
}

void Hub::read_page(std::uint64_t ticket) {
  Job& job = jobs_.at(ticket);
  job.full = false;
  switch (job.kind) {
    case Job::Kind::ledger:
      return actions_.read_ledger(ticket, sessions_[job.peer].manufacturer, job.epoch, job.from);
    case Job::Kind::feed:
      return actions_.read_feed(ticket, job.from);
    case Job::Kind::snapshot:
      return actions_.read_catalogue(ticket, job.cursor);
  }
}

// The job that a page is for. nullptr where its session is gone or asked for something else since,
// or the store failed: the peer asks again.
Hub::Job* Hub::job_for(std::uint64_t ticket, bool good) {
  const auto job = jobs_.find(ticket);
  if (job == jobs_.end()) return nullptr;
  const auto session = sessions_.find(job->second.peer);
  if (good && session != sessions_.end() && session->second.ticket == ticket) return &job->second;
  jobs_.erase(job);
  return nullptr;
}

bool Hub::send_page(Job& job, const SyncHeader& header, std::string_view body) {
  job.full = send(job.peer, header, body) != Sent::yes;
  return !job.full;
}

void Hub::end_job(std::uint64_t ticket, std::uint64_t epoch, std::uint64_t to) {
  const auto job = jobs_.extract(ticket);
  send(job.mapped().peer, {.type = SyncType::end, .epoch = epoch, .to = to});
}

void Hub::on_ledger(std::uint64_t ticket, const Result<std::vector<LedgerLine>>& page) {
  Job* job = job_for(ticket, page.has_value());
  if (!job) return;
  auto& told = manufacturers_[sessions_[job->peer].manufacturer].told;
  for (const LedgerLine& line : *page) {
    const SyncHeader header{SyncType::record, 0, line.epoch, line.number, line.number};
    if (!send_page(*job, header, line.entry)) return;
    job->epoch = line.epoch;
    job->from = line.number + 1;
    told.emplace(line.epoch, line.number);
  }
  if (page->size() >= kPageEntries) return read_page(ticket);
  end_job(ticket, job->epoch, job->from == 0 ? kNoPosition : job->from - 1);
}

void Hub::on_feed_page(std::uint64_t ticket, const Result<std::vector<FeedEntry>>& page) {
  Job* job = job_for(ticket, page.has_value());
  if (!job) return;
  if (page->empty()) return end_job(ticket, data_set_, job->from - 1);
  if (page->front().number != job->from) {  // The feed does not reach back so far.
    job->kind = Job::Kind::snapshot;
    job->from = kNoPosition;
    return read_page(ticket);
  }
  FeedWindow window;
  std::uint64_t to = 0;
  for (std::size_t i = 0; i < page->size() && window.bytes() <= kWindowBytesMax; ++i) {
    window.add((*page)[i]);
    to = (*page)[i].number;
  }
  for (const Kind& kind : kinds_) {
    const std::string body = window.body(kind.flag);
    const auto flag = static_cast<std::uint32_t>(kind.flag);
    const SyncHeader header{SyncType::record, flag, data_set_, job->from, to};
    if (!body.empty() && !send_page(*job, header, body)) return;
  }
  job->from = to + 1;
  const bool last = page->size() < kPageEntries && to == page->back().number;
  last ? end_job(ticket, data_set_, to) : read_page(ticket);
}

void Hub::on_catalogue(std::uint64_t ticket, const Result<CataloguePage>& page) {
  Job* job = job_for(ticket, page.has_value());
  if (!job) return;
  const SyncHeader header{SyncType::snapshot, job->part, data_set_, 0, page->number};
  if (!send_page(*job, header, page->record)) return;
  ++job->part;
  job->from = std::min(job->from, page->number);
  job->cursor = page->next_cursor;
  job->cursor == "0" ? end_job(ticket, data_set_, job->from) : read_page(ticket);
}

}  // namespace depot::manufacturer_hub
