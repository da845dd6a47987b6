#include "manufacturer/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <vector>

#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "base/options.hpp"
#include "http/client.hpp"
#include "manufacturer/agent_status.hpp"
#include "manufacturer/catalogue.hpp"
#include "manufacturer/statement_files.hpp"

namespace depot::manufacturer {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::string_view kCommands[] = {"status", "statement", "accept", "ship", "delivered"};
constexpr auto kAnswerMax = 15s;  // The agent itself gives up after 10.

struct Words {
  std::string config, data, file, cycle;
  std::vector<std::string> orders;
  bool json = false, csv = false;
};

int print(const std::string& text) { return std::puts(text.c_str()) >= 0 ? kExitOk : kExitFailed; }

// One request to the running agent of that file.
class RunningAgent {
 public:
  RunningAgent(const Config& config, const std::string& id)
      : id_(id), where_("unix:" + config.admin_socket(id)) {}

  http::ClientResponse ask(std::string_view method, const std::string& path) const {
    Result<http::ClientResponse> answer = http::fetch(where_, method, path, {}, "", kAnswerMax);
    if (!answer) {
      throw StartupError("no agent of " + id_ + " answers here: " + answer.error().message,
                         kExitUnavailable);
    }
    return std::move(*answer);
  }

 private:
  const std::string id_, where_;
};

// What a problem says: its detail, else its title.
std::string problem_of(const http::ClientResponse& answer) {
  std::error_code malformed;
  const json::value problem = json::parse(answer.body, malformed);
  const json::object* fields = problem.if_object();
  for (const char* field : {"detail", "title"}) {
    const json::value* text = fields ? fields->if_contains(field) : nullptr;
    if (text && text->is_string() && !text->as_string().empty()) {
      return std::string(text->as_string());
    }
  }
  return fmt::format("status {}", answer.status);
}

int run_status(const RunningAgent& agent, const Words& words) {
  const std::string status = agent.ask("GET", "/status").body;
  return print(words.json ? status : table_of_status(status));
}

int run_accept(const RunningAgent& agent) {
  const http::ClientResponse answer = agent.ask("POST", "/accept");
  if (answer.status != 200) throw StartupError(problem_of(answer), kExitFailed);
  return print("accepted up to " +
               std::string(json::parse(answer.body).at("accepted").as_string()));
}

int run_step(const RunningAgent& agent, const std::string& verb, const Words& words) {
  int code = kExitOk;
  for (const std::string& order : words.orders) {
    if (!is_id(order)) {
      code = kExitFailed;
      print(order + ": not an order's id, which has 16 characters");
      continue;
    }
    const http::ClientResponse answer = agent.ask("POST", fmt::format("/{}/{}", verb, order));
    const bool done = answer.status == 200;
    if (!done) code = kExitFailed;
    print(fmt::format(
        "{}: {}", order,
        done ? json::parse(answer.body).at("status").as_string().c_str() : problem_of(answer)));
  }
  return code;
}

int run_statement(const std::string& folder, const Words& words) {
  if (!words.cycle.empty() && !is_name_part(words.cycle)) {
    throw StartupError(words.cycle + ": not a cycle", kExitUsage);
  }
  const std::optional<json::object> found = find_statement(folder, words.cycle);
  if (!found) {
    throw StartupError(words.cycle.empty()
                           ? "no statement is kept in " + folder
                           : "no statement of cycle " + words.cycle + " in " + folder,
                       kExitFailed);
  }
  if (words.json) return print(json::serialize(*found));
  if (!words.csv) return print(table_of(*found));
  const std::string csv = csv_of(folder, std::string(found->at("cycle_id").as_string()));
  return std::fputs(csv.c_str(), stdout) >= 0 ? kExitOk : kExitFailed;
}

int run(const std::string& verb, const Words& words) {
  const Config config = load_config(find_config(words.config));
  const std::string id = read_agent_file(words.file).id;
  const RunningAgent agent(config, id);
  if (verb == "status") return run_status(agent, words);
  if (verb == "accept") return run_accept(agent);
  if (verb != "statement") return run_step(agent, verb, words);
  return run_statement((words.data.empty() ? data_folder(config) : words.data) + "/" + id, words);
}

}  // namespace

std::string data_folder(const Config& config) { return config.folder() + "/var/manufacturers"; }

std::optional<int> run_command(int argc, char** argv) {
  std::vector<std::string> given(argv + 1, argv + argc);
  std::size_t at = 0;  // of the command, before which --config may stand
  if (!given.empty() && given[0].starts_with("--config")) at = given[0] == "--config" ? 2 : 1;
  if (at >= given.size() || std::ranges::find(kCommands, given[at]) == std::end(kCommands)) {
    return std::nullopt;
  }
  const std::string verb = given[at];
  given.erase(given.begin() + static_cast<std::ptrdiff_t>(at));
  Words words;
  CLI::App app{"Asks the agent of FILE that runs on this host.", "depot-manufacturer " + verb};
  app.add_option("FILE", words.file, "its YAML file")->required();
  app.add_option("--config", words.config, "config.yml; else $DEPOT_CONFIG, ./config.yml");
  if (verb == "ship" || verb == "delivered") {
    app.add_option("ORDER", words.orders, "orders' ids")->required();
  }
  if (verb == "status" || verb == "statement") {
    app.add_flag("--json", words.json, "one JSON document");
  }
  if (verb == "statement") {
    app.description("Prints a statement that the agent has kept.");
    app.add_option("--cycle", words.cycle, "of that cycle; the newest by default");
    app.add_option("--data", words.data, "where agents keep what they keep");
    app.add_flag("--csv", words.csv, "CSV")->excludes("--json");
  }
  // An order's id may begin with a hyphen, and is no option for that.
  const auto ids = std::stable_partition(given.begin(), given.end(), [](const std::string& word) {
    return !word.starts_with('-') || !is_id(word);
  });
  if (ids != given.end()) given.insert(ids, "--");
  std::ranges::reverse(given);  // as CLI11 takes them
  try {
    app.parse(std::move(given));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return run(verb, words);
}

}  // namespace depot::manufacturer
