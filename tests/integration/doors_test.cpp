// Who may pass which door: every operation of docs/openapi.yaml with every kind of credentials,
// every unsafe route against other sites, ids of others, and the headers of every answer.
//
// Source:  docs/openapi.yaml, docs/HACKING.md; OWASP ASVS 5.0, 3.3 to 3.5, 7.2, 8.2.
#include <boost/json.hpp>
#include <map>
#include <set>
#include <sstream>

#include "tests/integration/pages.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;
namespace json = boost::json;

constexpr const char* kForm = "application/x-www-form-urlencoded";
constexpr const char* kJson = "application/json";
const Headers kSameOrigin = {{"Sec-Fetch-Site", "same-origin"}};
const std::string kMissingOrder = "AAAAAAAAAAAAAAAA";
const std::string kSecret = R"("password":")" + std::string(kPassword) + "\"";
enum class Opens { anybody, customer, manufacturer };
struct Operation {
  std::string id, method, path;
  Opens opens = Opens::customer;  // as the document says at its top
  bool takes_body = false;
  std::string answers = " ";  // " 200 401 "
};
std::vector<Operation> operations_of(const std::string& document) {
  std::vector<Operation> all;
  std::istringstream lines(document);
  std::string line, path;
  bool inside = false;
  const auto behind = [&](const std::string& mark) { return line.substr(mark.size()); };
  while (std::getline(lines, line)) {
    if (!line.empty() && line[0] != ' ') inside = line == "paths:";
    if (!inside) continue;
    if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
    for (const std::string method : {"get", "put", "post", "patch", "delete"}) {
      if (line != "    " + method + ":") continue;
      all.emplace_back().path = path;
      for (const char c : method) all.back().method += static_cast<char>(std::toupper(c));
    }
    if (line.starts_with("      operationId: ")) all.back().id = behind("      operationId: ");
    if (line == "      requestBody:") all.back().takes_body = true;
    if (line == "      security: []") all.back().opens = Opens::anybody;
    if (line == "        - manufacturer: []") all.back().opens = Opens::manufacturer;
    if (line.starts_with("        '")) all.back().answers += line.substr(9, 3) + " ";
  }
  return all;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// What the operation takes; sound, so that nothing but the credentials is in its way.
std::string body_of(const Operation& operation, const std::string& email) {
  const std::map<std::string, std::string> bodies = {
      {"placeOrder", order_body({{"m1:a", 1}})},
      {"addCartLine", R"({"offer_id":"m1:a","quantity":1})"},
      {"setCartLine", R"({"quantity":1})"},
      {"changeAccount", R"({"first_name":"Eve"})"},
      {"deleteAccount", "{" + kSecret + "}"},
      {"putCard", R"({"number":"5555555555554444","exp_month":12,"exp_year":2035,"cvc":"737"})"},
      {"logIn", R"({"email":")" + email + "\"," + kSecret + "}"},
      {"signUp", R"({"first_name":"A","last_name":"B","email":")" + unique("doors") +
                     "@example.test\"," + kSecret + "}"}};
  const auto found = bodies.find(operation.id);
  EXPECT_EQ(found != bodies.end(), operation.takes_body) << operation.id;
  return found == bodies.end() ? "" : found->second;
}

class DoorsTest : public testing::Test {
 protected:
  void start() {
    cluster_.start();
    cluster_.import({{.manufacturer = "m1", .sku = "a", .offered = 100'000}});
  }
  std::string enrol(const std::string& id, bool renew = false) {
    std::vector<std::string> words = {"manufacturer", "add", id, "--name", "M", "--json"};
    if (renew) words.emplace_back("--renew");
    const CommandResult added = cluster_.depot(words);
    EXPECT_EQ(added.exit_code, 0) << added.err;
    return std::string(json::parse(added.out).at("token").as_string());
  }
  HttpReply ask(const std::string& method, const std::string& target, const std::string& body,
                Headers headers) {
    headers.emplace_back("Idempotency-Key", unique("key"));
    if (target != "/v1/catalogue/stream") {
      return HttpClient(cluster_.port()).request(method, target, body, headers);
    }
    Wire wire(cluster_.port());
    std::string head = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
    for (const auto& [name, value] : headers)
      head.append(name).append(": ").append(value).append("\r\n");
    wire.send(head + "\r\n");
    return wire.read_head();
  }
  std::string order_by(Customer& customer) {
    const HttpReply placed = customer.buy({{"m1:a", 1}}, unique("key"));
    EXPECT_EQ(placed.status, 201) << placed.body;
    return std::string(placed.json().at("order_id").as_string());
  }
  // Method and path of every route that the gateway has.
  Headers routes() {
    std::istringstream printed(run_command({program("depot-gateway"), "--print-routes"}).out);
    Headers all;
    for (std::string method, path; printed >> method >> path;) all.emplace_back(method, path);
    EXPECT_GT(all.size(), 40u);
    return all;
  }
  std::string filled(std::string path, const std::string& order) {
    const std::string cycle(ask("GET", "/v1/cycle", "", {}).json().at("cycle_id").as_string());
    path = replaced(replaced(path, "{order_id}", order), "{offer_id}", "m1:a");
    path = replaced(replaced(path, "{cycle_id}", cycle), "{name}", "invalid");
    return replaced(path, "{hash}", "00000000");
  }
  // All that a customer has.
  static std::string state_of(Customer& customer) {
    std::string state = json::serialize(json::value_from(customer.orders()));
    for (const char* target : {"/v1/account", "/v1/cart"}) {
      state += customer.request("GET", target).body;
    }
    return state;
  }

  Cluster cluster_;
};

Headers both_cookies(const std::string& customer, const std::string& manufacturer) {
  return {{"Cookie", "sid=" + customer + "; manufacturer=" + manufacturer}};
}

TEST_F(DoorsTest, EveryOperationWithEveryKindOfCredentials) {
  Headers dead = {{"none", ""},
                  {"text", "../../etc/passwd"},
                  {"made up", kMissingOrder + "." + std::string(43, 'A')},
                  {"made up for m1", "m1~" + std::string(43, 'A')}};
  cluster_.rewrite_config({{"accounts.session_idle", "1h"}});
  start();
  const Customer expired(cluster_.port(), false);
  dead.emplace_back("expired", expired.token());
  cluster_.stop();
  cluster_.shift_clock(61min);
  cluster_.start();
  Customer victim(cluster_.port()), other(cluster_.port(), false), left(cluster_.port(), false),
      deleted(cluster_.port(), false);
  ASSERT_EQ(left.request("DELETE", "/v1/sessions/current").status, 204);
  const std::string leave = "{" + kSecret + "}";
  ASSERT_EQ(deleted.request("DELETE", "/v1/account", leave).status, 204);
  dead.emplace_back("logged out", left.token());
  dead.emplace_back("of a deleted account", deleted.token());
  dead.emplace_back("another id, a living secret",
                    other.id() + victim.token().substr(victim.token().find('.')));
  dead.emplace_back("renewed", enrol("m1"));
  const std::string maker = enrol("m1", true);
  const std::string order = order_by(victim), before = state_of(victim);
  const auto operations = operations_of(ask("GET", "/openapi.yaml", "", {}).body);
  ASSERT_GE(operations.size(), 25u);
  const auto expect = [&](const Operation& operation, const std::string& token, bool by_cookie,
                          auto matcher) {
    Headers headers = by_cookie ? both_cookies(token, token) : Headers{};
    headers.insert(headers.end(), kSameOrigin.begin(), kSameOrigin.end());
    if (!by_cookie && !token.empty()) headers.emplace_back("Authorization", "Bearer " + token);
    const HttpReply reply = ask(operation.method, filled(operation.path, order),
                                body_of(operation, victim.email()), headers);
    SCOPED_TRACE(operation.id + (by_cookie ? " by cookie " : " by header ") + reply.body);
    EXPECT_THAT(reply.status, matcher);
    EXPECT_THAT(operation.answers, HasSubstr(" " + std::to_string(reply.status) + " "));
    if (reply.status == 401) {
      EXPECT_EQ(reply.problem(), "unauthenticated");
      EXPECT_EQ(reply.header("www-authenticate"), "Bearer");
    }
  };
  for (const Operation& operation : operations) {
    const bool open = operation.opens == Opens::anybody;
    for (const bool by_cookie : {false, true}) {
      for (const auto& [name, token] : dead) {
        SCOPED_TRACE(name);
        open ? expect(operation, token, by_cookie, AnyOf(200, 201))
             : expect(operation, token, by_cookie, testing::Eq(401));
      }
      // The right kind of credentials, and the other.
      Customer own(cluster_.port());
      const std::string& right = operation.opens == Opens::manufacturer ? maker : own.token();
      const std::string& wrong = operation.opens == Opens::manufacturer ? own.token() : maker;
      const bool of_id = operation.path.find("{order_id}") != std::string::npos ||
                         operation.path.find("{cycle_id}") != std::string::npos;
      of_id ? expect(operation, right, by_cookie, testing::Eq(404))
            : expect(operation, right, by_cookie, AnyOf(200, 201, 204));
      open ? expect(operation, wrong, by_cookie, AnyOf(200, 201))
           : expect(operation, wrong, by_cookie, testing::Eq(401));
    }
  }
  EXPECT_EQ(state_of(victim), before);
  EXPECT_EQ(victim.request("POST", "/v1/orders/" + order + "/cancel").status, 200);
  cluster_.expect_clean_audit();
}

// Status, headers and body, the id left out.
std::string shape(const HttpReply& reply, const std::string& id) {
  std::string text = std::to_string(reply.status) + "\n";
  for (const auto& [name, value] : reply.headers) {
    if (name != "date" && name != "content-length")
      text.append(name).append(": ").append(value).append("\n");
  }
  return replaced(text + reply.body, id, "ID");
}

TEST_F(DoorsTest, AnIdOfAnothersIsAsOneThatIsNotThere) {
  start();
  Customer owner(cluster_.port()), other(cluster_.port());
  const std::string order = order_by(owner);
  ASSERT_EQ(owner.add_to_cart("m1:a", 3).status, 200);
  for (const std::string method : {"GET", "POST"}) {
    const std::string end = method == "POST" ? "/cancel" : "";
    const auto api = [&](const std::string& id) {
      return other.request(method, std::string("/v1/orders/").append(id).append(end));
    };
    EXPECT_EQ(api(order).status, 404);
    EXPECT_EQ(shape(api(order), order), shape(api(kMissingOrder), kMissingOrder));
    const auto page = [&](const std::string& id) {
      Headers headers = both_cookies(other.token(), "");
      headers.insert(headers.end(), {{"Accept", "text/html"}, {"Content-Type", kForm}});
      headers.emplace_back("Origin", "http://localhost");
      return ask(method, std::string("/orders/").append(id).append(end), "", headers);
    };
    EXPECT_EQ(page(order).status, 404);
    EXPECT_EQ(shape(page(order), order), shape(page(kMissingOrder), kMissingOrder));
  }
  // A cart is the session's own; so are keys, and the place from which orders are listed.
  EXPECT_EQ(other.request("PUT", "/v1/cart/lines/m1:a", R"({"quantity":9})").status, 200);
  EXPECT_EQ(other.request("DELETE", "/v1/cart/lines/m1:a").status, 200);
  const std::int64_t version = owner.cart().json().at("cart_version").as_int64();
  EXPECT_GE(other.buy_cart(version, unique("key")).status, 400);
  const std::string key = unique("key");
  const HttpReply first = owner.buy({{"m1:a", 1}}, key), second = other.buy({{"m1:a", 1}}, key);
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(second.header("idempotency-replayed"), "");
  EXPECT_NE(first.header("location"), second.header("location"));
  for (const char* cursor : {"1", "2", "1000000"}) {
    const HttpReply list = other.request("GET", std::string("/v1/orders?cursor=") + cursor);
    EXPECT_EQ(list.status, 200);
    EXPECT_EQ(list.body.find(order), std::string::npos);
  }
  const std::string own = first.header("location").substr(sizeof("/v1/orders/") - 1);
  ASSERT_EQ(owner.request("POST", "/v1/orders/" + own + "/cancel").status, 200);
  EXPECT_EQ(owner.request("GET", "/v1/orders/" + order).json().at("status"), "paid");
  EXPECT_EQ(owner.cart().json().at("lines").at(0).at("quantity"), 3);
  const std::string m1 = enrol("m1"), m2 = enrol("m2");
  const CommandResult closed = cluster_.depot({"cycle", "close", "--json"});
  ASSERT_EQ(closed.exit_code, 0) << closed.err;
  const std::string cycle(json::parse(closed.out).at("cycle_id").as_string());
  const auto statement = [&](const std::string& token, const std::string& path) {
    return ask("GET", path, "", both_cookies("", token));
  };
  const std::string api = "/v1/manufacturer/statements/", csv = "/manufacturer/statements/";
  EXPECT_TRUE(wait_until(
      30s, [&] { return statement(m1, api + cycle).status == 200; }, "m1 has its statement"));
  for (const auto& [path, end] :
       {std::pair<std::string, std::string>{api, ""}, {csv, ""}, {csv, "?format=csv"}}) {
    const HttpReply foreign = statement(m2, std::string(path).append(cycle).append(end));
    EXPECT_EQ(foreign.status, 404) << path;
    EXPECT_EQ(shape(foreign, cycle),
              shape(statement(m2, std::string(path).append("1999-12").append(end)), "1999-12"));
  }
  for (const char* list : {"offers", "sales", "statements"}) {
    const HttpReply reply = statement(m2, std::string("/v1/manufacturer/") + list);
    EXPECT_EQ(reply.json().at("items").as_array().size(), 0u) << reply.body;
  }
  cluster_.expect_clean_audit();
}

TEST_F(DoorsTest, OtherSitesOtherKindsOfBodiesAndReadingChangeNothing) {
  start();
  Customer customer(cluster_.port());
  const std::string maker = enrol("m1"), order = order_by(customer);
  ASSERT_EQ(customer.add_to_cart("m1:a", 3).status, 200);
  const std::string before = state_of(customer);
  const Headers cookies = both_cookies(customer.token(), maker);
  const std::vector<Headers> foreign = {
      {},  // Neither says that it is the same origin.
      {{"Sec-Fetch-Site", "cross-site"}},
      {{"Sec-Fetch-Site", "same-site"}},
      {{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://localhost"}},
      {{"Origin", "https://elsewhere.example"}},
      {{"Origin", "http://localhost.elsewhere.example"}},
      {{"Origin", "null"}}};
  std::map<std::string, Operation> described;
  for (Operation& each : operations_of(ask("GET", "/openapi.yaml", "", {}).body)) {
    described[each.method + each.path] = std::move(each);
  }
  const std::string form = "offer_id=m1%3Aa&quantity=1&token=" + maker +
                           "&email=" + customer.email() + "&form=name&first_name=Eve&last_name=Eve";
  for (const auto& [method, pattern] : routes()) {
    SCOPED_TRACE(method + pattern);
    const std::string path = filled(pattern, order);
    if (method != "GET") {
      const bool api = pattern.starts_with("/v1/");
      const Operation& operation = described[method + pattern];
      const std::string right = api ? kJson : kForm;
      const std::string body = api ? body_of(operation, customer.email()) : form;
      const auto send = [&, verb = method](const std::string& type, Headers headers) {
        headers.insert(headers.end(), cookies.begin(), cookies.end());
        headers.emplace_back("Content-Type", type);
        return ask(verb, path, body, headers);
      };
      for (const Headers& headers : foreign) {
        const HttpReply reply = send(right, headers);
        EXPECT_EQ(reply.problem(), "forbidden") << testing::PrintToString(headers) << reply.body;
        EXPECT_EQ(reply.header("set-cookie"), "");
      }
      for (const std::string type : {"text/plain", "multipart/form-data", "", kForm, kJson}) {
        if (type == right || (api && !operation.takes_body)) continue;
        EXPECT_EQ(send(type, kSameOrigin).status, 415) << type;
      }
      // At no door is it the way of asking that is wrong.
      EXPECT_NE(ask(method, path, "", kSameOrigin).status, 403);
    }
    for (const std::string reading : {"GET", "HEAD"}) {
      Headers headers = cookies;
      headers.emplace_back("X-HTTP-Method-Override", method);
      if (path == "/v1/catalogue/stream" && reading == "HEAD") continue;
      EXPECT_LT(ask(reading, path, "", headers).status, 500);
      if (!path.starts_with("/v1/"))
        ask(reading, std::string(path).append("?").append(form), "", headers);
    }
  }
  EXPECT_EQ(state_of(customer), before);
  EXPECT_EQ(ask("GET", "/v1/manufacturer/offers", "", cookies).status, 200);
  cluster_.expect_clean_audit();
}

TEST_F(DoorsTest, EveryAnswerHasItsHeadersAndEveryCookieItsRules) {
  cluster_.rewrite_config({{"gateway.secure_cookie", "true"}});
  start();
  Customer customer(cluster_.port());
  const std::string maker = enrol("m1"), order = order_by(customer);
  const Headers cookies = {
      {"Cookie", "__Host-sid=" + customer.token() + "; __Host-manufacturer=" + maker}};
  std::set<std::string> set;  // names of cookies
  const auto check = [&](const HttpReply& reply, bool of_account) {
    EXPECT_EQ(reply.header("x-content-type-options"), "nosniff");
    for (const char* leak : {"server", "x-powered-by", "via"}) EXPECT_EQ(reply.header(leak), "");
    if (reply.header("content-type").starts_with("text/html")) {
      EXPECT_THAT(
          reply.header("content-security-policy"),
          testing::AllOf(HasSubstr("default-src 'none'"), HasSubstr("base-uri 'none'"),
                         HasSubstr("frame-ancestors 'none'"), testing::Not(HasSubstr("unsafe"))));
      EXPECT_EQ(reply.header("referrer-policy"), "same-origin");
      EXPECT_EQ(reply.header("cross-origin-opener-policy"), "same-origin");
    }
    if (of_account && reply.status != 204) {
      EXPECT_EQ(reply.header("cache-control"), "no-store");
    }
    for (const auto& [name, cookie] : reply.headers) {
      if (name != "set-cookie") continue;
      set.insert(cookie.substr(0, cookie.find('=')));
      EXPECT_THAT(cookie, testing::AllOf(HasSubstr("; Path=/; HttpOnly; SameSite=Lax; Secure"),
                                         testing::Not(HasSubstr("Domain"))));
    }
  };
  for (const auto& [method, pattern] : routes()) {
    SCOPED_TRACE(method + pattern);
    const std::string path = filled(pattern, order);
    const bool kept = pattern.starts_with("/v1/catalogue") || pattern == "/openapi.yaml" ||
                      pattern.starts_with("/assets/");
    Headers headers = method == "GET" ? cookies : Headers{};  // as a stranger, lest it changes
    headers.emplace_back("Accept", "text/html");
    headers.emplace_back("Content-Type", path.starts_with("/v1/") ? kJson : kForm);
    headers.insert(headers.end(), kSameOrigin.begin(), kSameOrigin.end());
    check(ask(method, path, "", headers), !kept);
  }
  check(ask("GET", "/nowhere", "", {}), true);
  check(ask("GET", "/v1/cart", "", {{"X-Long", std::string(17'000, 'x')}}), true);
  Browser browser(cluster_.port());
  browser.sign_up();
  check(browser.post("/login", {{"email", browser.email()}, {"password", kPassword}}), true);
  check(browser.post("/preferences", {{"theme", "dark"}, {"lang", "pl"}}), true);
  check(browser.post("/cart/add", {{"offer_id", "m1:a"}, {"quantity", "1"}}), true);
  check(browser.post("/manufacturer/login", {{"token", maker}}), true);
  check(browser.post("/manufacturer/logout", {}), true);
  check(browser.post("/logout", {}), true);
  EXPECT_EQ(ask("GET", "/v1/account", "", both_cookies(customer.token(), "")).status, 401)
      << "a name that another host of the domain could have set";
  check(customer.request("DELETE", "/v1/sessions/current"), true);
  EXPECT_THAT(set,
              testing::ElementsAre("__Host-manufacturer", "__Host-sid", "done", "lang", "theme"));
}

}  // namespace
}  // namespace depot::test
