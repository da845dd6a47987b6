// The catalogue as JSON, health, and the description of the API.
#include "base/crypto.hpp"
#include "customer_gateway/documents.hpp"
#include "customer_gateway/routes.hpp"

namespace depot::customer_gateway::api {
namespace {

struct ManufacturerView {
  std::string_view id, name;
};
void write(JsonWriter& json, const ManufacturerView& view) {
  json.object("manufacturer_id", view.id, "name", view.name);
}
struct ManufacturerList {
  std::vector<ManufacturerView> manufacturers = {};
  std::string next_cursor = {};
};
void write(JsonWriter& json, const ManufacturerList& view) {
  json.list(view.manufacturers, view.next_cursor);
}
struct HealthView {
  const char* status;
};
void write(JsonWriter& json, const HealthView& view) { json.object("status", view.status); }

constexpr std::pair<std::string_view, Sort> kSorts[] = {{"name", Sort::name},
                                                        {"price", Sort::price},
                                                        {"available", Sort::available},
                                                        {"manufacturer", Sort::manufacturer}};

// "price", "-price"; false for what is none.
bool read_sort(std::string_view text, CatalogueQuery& query) {
  query.descending = text.starts_with('-');
  if (query.descending) text.remove_prefix(1);
  const auto* found = std::ranges::find(kSorts, text, &std::pair<std::string_view, Sort>::first);
  if (found == std::end(kSorts)) return false;
  query.sort = found->second;
  return true;
}

std::optional<CatalogueQuery> read_query(const Visit& visit) {
  auto list = read_list_query(visit, {"manufacturer", "q", "sort", "include_sold_out"});
  if (!list) return std::nullopt;
  CatalogueQuery query;
  query.limit = list->limit;
  query.cursor = std::move(list->cursor);
  query.manufacturer = std::move(list->others["manufacturer"]);
  query.text = std::move(list->others["q"]);
  const std::string& sort = list->others["sort"];
  const std::string& sold_out = list->others["include_sold_out"];
  query.include_sold_out = sold_out == "true";
  const bool good = (sold_out.empty() || sold_out == "true" || sold_out == "false") &&
                    (sort.empty() || read_sort(sort, query));
  if (good) return query;
  visit.fail(protocol::Problem::malformed,
             "sort: name, price, available or manufacturer, with - for descending; "
             "include_sold_out: true or false.");
  return std::nullopt;
}

// Answers 304 where the client has this version already. The etag is taken before the values are
// read, so it can be older than they are, never newer.
bool not_modified(const Visit& visit, const std::string& etag) {
  const std::string_view known = visit.request.header("if-none-match");
  if (known != "*" && known.find(etag) == std::string_view::npos) return false;
  http::Response response;
  response.status = 304;
  response.headers = {{"ETag", etag}, {"Cache-Control", "no-cache"}};
  visit.exchange->send(std::move(response));
  return true;
}

void send_tagged(const Visit& visit, const std::string& etag, JsonWriter& json) {
  http::Response response;
  response.headers = {{"ETag", etag}, {"Cache-Control", "no-cache"}};
  response.body = json.take();
  visit.exchange->send(std::move(response));
}

}  // namespace

void get_catalogue(const Visit& visit) {
  const auto query = read_query(visit);
  if (!query) return;
  const std::string etag = visit.operations.etag();
  const auto catalogue = visit.operations.catalogue();
  const auto page = catalogue->list(*query);
  if (!page) return visit.fail(protocol::Problem::malformed, "cursor: none of ours.");
  if (not_modified(visit, etag)) return;
  JsonWriter json(visit.exchange->currency());
  json.list(page->items, page->next_cursor);
  send_tagged(visit, etag, json);
}

void get_catalogue_item(const Visit& visit) {
  const std::string etag = visit.operations.etag();
  const auto catalogue = visit.operations.catalogue();
  const auto item = catalogue->find(visit.parameter);
  if (!item) return visit.fail(protocol::Problem::not_found, "There is no such offer.");
  if (not_modified(visit, etag)) return;
  JsonWriter json(visit.exchange->currency());
  write(json, *item);
  send_tagged(visit, etag, json);
}

void get_manufacturers(const Visit& visit) {
  const auto query = read_list_query(visit);
  if (!query) return;
  const auto after = from_hex(query->cursor);
  if (!after) return visit.fail(protocol::Problem::malformed, "cursor: none of ours.");
  const auto catalogue = visit.operations.catalogue();
  ManufacturerList list;
  const auto& all = catalogue->manufacturers();
  auto at = all.upper_bound(*after);
  while (at != all.end() && list.manufacturers.size() < query->limit) {
    list.manufacturers.push_back({at->first, at->second});
    ++at;
  }
  if (at != all.end()) list.next_cursor = to_hex(list.manufacturers.back().id);
  visit.exchange->send_json(200, list);
}

void get_livez(const Visit& visit) { visit.exchange->send_json(200, HealthView{"live"}); }

void get_readyz(const Visit& visit) {
  std::string reason = visit.health.not_ready();
  if (!reason.empty()) return visit.fail(protocol::Problem::unavailable, std::move(reason));
  visit.exchange->send_json(200, HealthView{"ready"});
}

void get_openapi(const Visit& visit) {
  http::Response response;
  response.content_type = "application/yaml";
  response.body = embedded::documents().front().bytes;
  visit.exchange->send(std::move(response));
}

}  // namespace depot::customer_gateway::api
