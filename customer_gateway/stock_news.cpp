#include "customer_gateway/stock_news.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/crypto.hpp"
#include "customer_gateway/json.hpp"

namespace depot::customer_gateway {
namespace {

constexpr Duration kAloneAfter =
    std::chrono::minutes(1);  // Who reloads a page is sent what changed.

struct StockView {
  std::string_view offer;
  std::int64_t available = 0, unit_price = 0;
};
void write(JsonWriter& json, const StockView& view) {
  json.object("offer_id", view.offer, "available", view.available, "unit_price",
              Minor{view.unit_price});
}

struct CycleStateView {
  const protocol::Cycle& cycle;
};
void write(JsonWriter& json, const CycleStateView& view) {
  json.object("cycle_id", view.cycle.id, "state", name_of(view.cycle.state));
}

std::string make_gateway_id() {  // Short, for each event carries it.
  std::array<std::uint8_t, 3> bytes{};
  random_bytes(bytes);
  return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

StockNews::StockNews(const CatalogueHolder& catalogue, const Config& config)
    : catalogue_(catalogue),
      gateway_(make_gateway_id()),
      currency_(config.currency.code),
      every_(config.gateway.stream_every),
      kept_max_(static_cast<std::size_t>(config.gateway.stream_buffer_max)),
      streams_max_(config.gateway.streams_max) {}

void StockNews::changed(std::string_view offer) {
  if (alone_) {
    missed_ = true;
  } else if (!changed_.contains(offer)) {
    changed_.emplace(offer);
  }
}

void StockNews::cycle_changed() { (alone_ ? missed_ : cycle_changed_) = true; }

void StockNews::renew() {
  changed_.clear();
  cycle_changed_ = false;
  const std::scoped_lock lock(mutex_);
  kept_.clear();
  kept_bytes_ = 0;
  kept_behind_ = newest() + 1;
  newest_.store(kept_behind_, std::memory_order_release);
}

void StockNews::publish(TimePoint now) {
  if (streams() > 0 || listened_ == TimePoint{}) listened_ = now;
  alone_ = now - listened_ >= kAloneAfter;
  if (std::exchange(missed_, false)) renew();
  if ((changed_.empty() && !cycle_changed_) || now < due_) return;
  const auto catalogue = catalogue_.get();
  std::uint64_t number = newest();
  std::string text;
  if (std::exchange(cycle_changed_, false)) text = cycle_text(++number);
  for (const std::string& offer : std::exchange(changed_, {})) {
    const auto item = catalogue->find(offer);
    if (!item) continue;  // It has no name yet, and is told once it has.
    JsonWriter json(currency_);
    json.value(StockView{item->offer_id, item->available, item->unit_price});
    text.append("event: stock\n").append(id_line(++number));
    text.append("data: ").append(json.take()).append("\n\n");
  }
  if (text.empty()) return;
  due_ = now + every_;
  auto frame = std::make_shared<const std::string>(std::move(text));
  const std::scoped_lock lock(mutex_);
  kept_bytes_ += frame->size();
  kept_.push_back({number, std::move(frame)});
  for (; kept_bytes_ > kept_max_; kept_.pop_front()) {
    kept_bytes_ -= kept_.front().frame->size();
    kept_behind_ = kept_.front().last;
  }
  newest_.store(number, std::memory_order_release);
}

std::uint64_t StockNews::position_of(std::string_view last_event_id) const {
  const std::string_view digits =
      last_event_id.substr(std::min(gateway_.size() + 1, last_event_id.size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  const bool ours = last_event_id.starts_with(gateway_ + "-");
  return whole && ours && number <= newest() ? number : 0;
}

StockNews::News StockNews::next(std::uint64_t& position) {
  if (position == newest()) return {};
  if (const auto kept = kept_after(position)) {
    position = kept->last;
    return {kept->frame};
  }
  const std::scoped_lock lock(snapshot_mutex_);
  // Anew where something was published meanwhile: it would tell older values than the snapshot has.
  while (snapshot_number_ != newest()) {
    snapshot_number_ = newest();
    snapshot_ = std::make_shared<const std::string>(snapshot_text(snapshot_number_));
  }
  position = snapshot_number_;
  return {snapshot_, true};
}

std::optional<StockNews::Kept> StockNews::kept_after(std::uint64_t position) {
  const std::scoped_lock lock(mutex_);
  if (position < kept_behind_) return std::nullopt;
  return *std::ranges::upper_bound(kept_, position, {}, &Kept::last);
}

bool StockNews::enter() {
  if (streams_.fetch_add(1, std::memory_order_relaxed) < streams_max_) return true;
  leave();
  return false;
}

std::string StockNews::id_line(std::uint64_t number) const {
  return "id: " + gateway_ + "-" + std::to_string(number) + "\n";
}

std::string StockNews::cycle_text(std::uint64_t number) const {
  const auto cycle = catalogue_.cycle();
  if (!cycle) return {};
  JsonWriter json(currency_);
  json.value(CycleStateView{*cycle});
  return "event: cycle\n" + id_line(number) + "data: " + json.take() + "\n\n";
}

// The values may be newer than the number, never newer than the next frame's: the one thread that
// sets them makes the frames too.
std::string StockNews::snapshot_text(std::uint64_t number) const {
  const auto items = catalogue_.get()->items();
  std::vector<StockView> rows;
  rows.reserve(items.size());
  for (const auto& item : items) {
    if (!item.withdrawn) rows.push_back({item.offer, item.available, item.unit_price});
  }
  JsonWriter json(currency_);
  json.open('{').fields("items", rows);
  if (const auto cycle = catalogue_.cycle()) json.fields("cycle", CycleStateView{*cycle});
  json.close('}');
  return "event: snapshot\n" + id_line(number) + "data: " + json.take() + "\n\n";
}

}  // namespace depot::customer_gateway
