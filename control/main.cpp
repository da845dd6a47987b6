// depot: the operator's command.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <set>
#include <string>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "base/options.hpp"
#include "base/utf8.hpp"
#include "base/yaml.hpp"
#include "bench/workload.hpp"
#include "control/audit.hpp"
#include "control/cycle_command.hpp"
#include "control/keys_command.hpp"
#include "control/load_commands.hpp"
#include "control/manufacturer_command.hpp"
#include "control/settlement_command.hpp"
#include "control/status.hpp"
#include "control/up.hpp"
#include "control/up_lock.hpp"
#include "manufacturer/import.hpp"

namespace depot {
namespace {

constexpr const char* kHelp = R"(Depot's command for operators.

Examples:
  depot up                  start what config.yml names, and keep it running
  depot status              processes, queue, Redis, rates; --check says what is wrong
  depot scale workers 4
  depot import goods.csv
  depot manufacturer add tea-co --name "Tea Company"
  depot cycle show
  depot replay --catalogue goods.csv --orders orders.csv --concurrency 64
  depot shop --burst 200    customers who browse and buy for 30 s, with a flash sale
  depot bench --connections 64 --seconds 10
  depot audit)";

struct Words {  // what the command line says, bound by CLI11
  std::string config, file, mode;
  bool json = false, check_config = false;
  int count = 0;
  control::UpOptions up;
  control::StatusOptions status;
  control::ReplayOptions replay;
  control::BenchOptions bench;
  control::ManufacturerOptions manufacturer;
  control::ShopOptions shop;
  control::CycleOptions cycle;
  control::KeysOptions keys = {};
  control::SettlementOptions settlement;
  control::audit::Witnesses witnesses;
  bool from_file = false;  // config.yml as it is, not what a running `depot up` goes by
  std::function<int(const Config&)> run;
};

CLI::App& add(CLI::App& app, Words& words, const char* name, const char* help,
              std::function<int(const Config&)> run) {
  CLI::App& command = *app.add_subcommand(name, help);
  command.callback([&words, run] { words.run = run; });
  return command;
}

protocol::OrderMode mode_of(const std::string& word) {
  return word == "available" ? protocol::OrderMode::available : protocol::OrderMode::all_or_nothing;
}

int run_config_check(const Config& config) {
  std::cerr << (config.path.empty() ? "no config.yml: the defaults hold" : config.path + " is good")
            << '\n';
  return kExitOk;  // load_config has thrown otherwise.
}

void add_cluster_commands(CLI::App& app, Words& words) {
  CLI::App& up = add(app, words, "up", "start what config.yml names, and keep it running",
                     [&](auto& config) { return control::run_up(config, words.up); });
  up.preparse_callback([&](std::size_t) { words.from_file = true; });
  up.add_flag("--despite-audit", words.up.despite_audit,
              "sell also on books that the audit finds wrong");
  add(app, words, "down", "stop the depot up that runs here, and wait for it", control::run_down);

  CLI::App& status = add(app, words, "status", "what runs here, and how it is",
                         [&](auto& config) { return control::run_status(config, words.status); });
  CLI::Option* json = status.add_flag("--json", words.status.json, "one JSON document");
  status.add_flag("--check", words.status.check, "say what is wrong; exit 1 when something is");
  status.add_option("--wait", words.status.wait_seconds, "wait so many seconds until all is ready")
      ->check(CLI::Range(1, 86'400))
      ->excludes(json);

  CLI::App& config = *app.add_subcommand("config", "config.yml");
  config.require_subcommand(1);
  add(config, words, "check", "exit 78, with file, line and key, where it is wrong",
      run_config_check)
      .preparse_callback([&](std::size_t) { words.from_file = true; });

  CLI::App& scale = *app.add_subcommand("scale", "change how many processes there are");
  scale.require_subcommand(1);
  add(scale, words, "workers", "edit workers.count in config.yml, and wait until they are ready",
      [&](auto& c) { return control::run_scale_workers(c, words.count); })
      .add_option("N", words.count)
      ->required()
      ->check(CLI::Range(0, 64));
}

void add_trade_commands(CLI::App& app, Words& words) {
  CLI::App& bring_in =
      add(app, words, "import", "offers of many manufacturers from a CSV file",
          [&](auto& config) { return manufacturer::run_import(config, words.file, words.json); });
  bring_in.add_option("FILE", words.file)->required();
  bring_in.add_flag("--json", words.json, "one JSON document");

  CLI::App& audit =
      add(app, words, "audit", "recompute the books; exit 1 where they are wrong",
          [&](auto& c) { return control::audit::run_audit(c, words.witnesses, words.json); });
  audit.add_option("--histories", words.witnesses.histories, "a folder of what customers saw");
  audit.add_option("--agents", words.witnesses.agents, "the folder of agents' --data");
  audit.add_flag("--json", words.json, "one JSON document");
}

void add_manufacturer_commands(CLI::App& app, Words& words) {
  control::ManufacturerOptions& options = words.manufacturer;
  CLI::App& maker = *app.add_subcommand("manufacturer", "who may sign in as a manufacturer");
  maker.require_subcommand(1);
  maker.footer(R"(Examples:
  depot manufacturer add tea-co --name "Tea Company"           prints its token, once
  depot manufacturer add tea-co --name "Tea Company" --renew   another token; the former one ends
  depot manufacturer list
  depot manufacturer remove tea-co)");
  CLI::App& enrol = add(maker, words, "add", "enrol one, and print its token, once",
                        [&](auto& c) { return control::run_manufacturer_add(c, options); });
  enrol.add_option("--name", options.name, "as people call it")
      ->required()
      ->check([](const auto& text) { return is_name(text) ? "" : "1 to 200 printable bytes"; });
  enrol.add_flag("--renew", options.renew, "a new token for one that is enrolled");
  CLI::App& list = add(maker, words, "list", "all that are known, enrolled or by their agents",
                       [&](auto& c) { return control::run_manufacturer_list(c, options); });
  CLI::App& remove = add(maker, words, "remove", "its token stops working; its books stay",
                         [&](auto& c) { return control::run_manufacturer_remove(c, options); });
  for (CLI::App* one : {&enrol, &remove}) {
    one->add_option("ID", options.id)->required()->check([](const auto& text) {
      return is_name_part(text) ? "" : "1 to 64 of A-Z a-z 0-9 . _ -";
    });
  }
  for (CLI::App* one : {&enrol, &list}) one->add_flag("--json", options.json, "one JSON document");
}

void add_key_commands(CLI::App& app, Words& words) {
  control::KeysOptions& options = words.keys;
  CLI::App& keys = *app.add_subcommand("keys", "who may come in by a tcp endpoint");
  keys.require_subcommand(1);
  CLI::App& fresh = add(keys, words, "new", "a key for a process or a manufacturer, in keys_dir",
                        [&](auto& c) { return control::run_keys_new(c, options); });
  CLI::App& list = add(keys, words, "list", "those that are known here",
                       [&](auto& c) { return control::run_keys_list(c, options); });
  CLI::App& revoke = add(keys, words, "revoke", "it is not let in any more",
                         [&](auto& c) { return control::run_keys_revoke(c, options); });
  for (CLI::App* one : {&fresh, &revoke}) {
    one->add_option("NAME", options.name, "gateway-1, worker-1, balancer-1, hub-1, manufacturer-ID")
        ->required()
        ->check(
            [](const auto& text) { return control::is_key_name(text) ? "" : control::kKeyNames; });
  }
  for (CLI::App* one : {&fresh, &list}) one->add_flag("--json", options.json, "one JSON document");
  add(app, words, "redis-users",
      "ACL lines for an external Redis; makes the secrets in redis.users", control::run_redis_users)
      .preparse_callback([&](std::size_t) { words.from_file = true; });
}

void add_cycle_commands(CLI::App& app, Words& words) {
  control::CycleOptions& options = words.cycle;
  CLI::App& cycle = *app.add_subcommand("cycle", "the sales cycle");
  cycle.require_subcommand(1);
  const auto sub = [&](const char* name, const char* help, auto run) -> CLI::App& {
    CLI::App& command =
        add(cycle, words, name, help, [&options, run](auto& c) { return run(c, options); });
    command.add_flag("--json", options.json, "one JSON document");
    return command;
  };
  sub("show", "the one that runs, and what is being settled", control::run_cycle_show);
  sub("list", "all there were", control::run_cycle_list);
  sub("close", "end it now; returns when its statements are written and the next one is open",
      control::run_cycle_close);
  CLI::App& extend = sub("extend", "another time to close", control::run_cycle_extend);
  CLI::App& how = *extend.add_option_group("end");
  how.require_option(1);
  how.add_option("--until", options.until, "as 2026-12-03T18:00:00Z")->check([](const auto& text) {
    return from_rfc3339(text) ? "" : "a time such as 2026-12-03T18:00:00Z";
  });
  how.add_option("--by", options.by, "so much longer: 2d, 90min")->check([](const auto& text) {
    return parse_duration(text) ? "" : "a duration such as 2d or 90min";
  });
}

void add_settlement_commands(CLI::App& app, Words& words) {
  control::SettlementOptions& options = words.settlement;
  CLI::App& settlement =
      *app.add_subcommand("settlement", "what manufacturers have coming from closed cycles");
  settlement.require_subcommand(1);
  CLI::App& list = add(settlement, words, "list", "the sums of each, and whether it agrees",
                       [&](auto& c) { return control::run_settlement_list(c, options); });
  CLI::App& show = add(settlement, words, "show", "one statement, with its rows",
                       [&](auto& c) { return control::run_settlement_show(c, options); });
  show.add_option("MANUFACTURER", options.manufacturer)->required();
  for (CLI::App* one : {&list, &show}) {
    one->add_option("--cycle", options.cycle, "its id; else all of them, or the newest");
    one->add_flag("--json", options.json, "one JSON document");
  }
  show.add_flag("--csv", options.csv, "the rows as CSV");
  CLI::App& resolve = add(settlement, words, "resolve",
                          "a statement that is disputed, or cannot be made, is dealt with",
                          [&](auto& c) { return control::run_settlement_resolve(c, options); });
  resolve.add_option("MANUFACTURER", options.manufacturer)->required();
  resolve.add_option("--cycle", options.cycle, "its id")->required();
  resolve.add_option("--note", options.note, "how, on record for good")
      ->required()
      ->check([](const auto& text) {
        return is_name(text) ? "" : "one line of 1 to 200 bytes of UTF-8";
      });
}

void add_shop_command(CLI::App& app, Words& words) {
  control::ShopOptions& shop = words.shop;
  CLI::App& command =
      add(app, words, "shop", "customers who browse, fill carts, buy and cancel", [&](auto& c) {
        if (!words.mode.empty()) shop.mode = mode_of(words.mode);
        return control::run_shop(c, words.shop);
      });
  command.add_option("--rate", shop.rate, "purchases a second aimed at; 2")
      ->check(CLI::Range(0.001, 100'000.0));
  command.add_option("--customers", shop.customers, "40")->check(CLI::Range(1, 100'000));
  command.add_option("--seconds", shop.seconds, "30; 0: until stopped, without an audit")
      ->check(CLI::Range(0, 86'400));
  command.add_option("--seed", shop.seed, "of all choices; random, and printed");
  command.add_option("--burst", shop.burst, "N[@T]: at second T (the middle) N want one good");
  command.add_option("--offer", shop.offer, "that good; else the most popular that there is");
  command.add_option("--manufacturer", shop.manufacturers,
                     "whose goods; else those of demo.catalogues, else everybody's");
  command.add_option("--mode", words.mode, "all_or_nothing, or available; else mostly the first")
      ->check(CLI::IsMember({"all_or_nothing", "available"}));
  command.add_option("--name", shop.name, "of its admin endpoint, with --seconds 0");
  command.add_flag("--json", shop.json, "one JSON document at the end");
  command.add_flag("--quiet", shop.quiet, "nothing while it runs");
}

void add_load_commands(CLI::App& app, Words& words) {
  CLI::App& replay =
      add(app, words, "replay", "buy a trace of orders over HTTP, and audit it", [&](auto& c) {
        words.replay.mode = mode_of(words.mode);
        return control::run_replay(c, words.replay);
      });
  replay.add_option("--catalogue", words.replay.catalogue,
                    "CSV, as for import; without it: of what is offered already");
  replay
      .add_option("--orders", words.replay.orders, "CSV: order_ref,customer_ref,offer_id,quantity")
      ->required();
  replay.add_option("--concurrency", words.replay.concurrency, "customers at once; 64")
      ->check(CLI::Range(1, 10'000));
  replay.add_option("--mode", words.mode, "all_or_nothing, or available: what there is")
      ->check(CLI::IsMember({"all_or_nothing", "available"}));
  replay.add_option("--repeat", words.replay.repeat, "send each order so often at once, one key")
      ->check(CLI::Range(1, 100));
  replay.add_option("--histories", words.replay.histories,
                    "keep what customers saw in this folder");
  replay.add_flag("--json", words.replay.json, "one JSON document");

  add(app, words, "show", "the main job in view: customers, the last ten units, a killed worker",
      control::run_show);

  CLI::App& bench = add(app, words, "bench", "purchases a second, latency, CPU by process",
                        [&](auto& c) { return control::run_bench(c, words.bench); });
  bench.add_option("--connections", words.bench.connections, "at once, a customer each; 64")
      ->check(CLI::Range(1, 10'000));
  bench.add_option("--seconds", words.bench.seconds, "10")->check(CLI::Range(1, 86'400));
  bench.add_option("--warm-up", words.bench.warm_up, "seconds before that do not count; 0")
      ->check(CLI::Range(0, 3'600));
  std::set<std::string> names;
  std::string help = "uniform";
  for (const bench::Workload& each : bench::workloads()) {
    names.emplace(each.name);
    help += fmt::format("; {}: {}", each.name, each.what);
  }
  bench.add_option("--workload", words.bench.workload, help)->check(CLI::IsMember(names));
  bench.add_option("--rate", words.bench.rate, "open loop: so many arrivals a second, at random")
      ->check(CLI::Range(0.1, 1e7));
  bench.add_option("--products", words.bench.products, "of 30 manufacturers; the workload's")
      ->check(CLI::Range(1, 1'000'000));
  bench.add_option("--lines", words.bench.lines, "of each order; 1")->check(CLI::Range(1, 1'024));
  bench.add_option("--customers", words.bench.customers, "who buy at random; one per connection")
      ->check(CLI::Range(1, 10'000'000));
  bench.add_option("--threads", words.bench.threads, "of the generator; 1")
      ->check(CLI::Range(1, 64));
  bench.add_flag("--smoke", words.bench.smoke, "several small runs, 15 s in all");
  bench.add_option("--threshold", words.bench.thresholds,
                   "exit 1 unless a figure keeps to it: 'p99<10', 'placed_per_second>=1000'");
  bench.add_option("--record", words.bench.record, "append the result to this Markdown file");
  bench.add_option("--plots", words.bench.plots,
                   "SVGs over time and of the latency, in this folder");
  CLI::Option* gateway =
      bench.add_option("--gateway", words.bench.gateway,
                       "another server of the same API, host:port; nothing imported or audited");
  bench.add_option("--process", words.bench.processes, "name=pid, of that server, for its CPU")
      ->needs(gateway);
  bench.add_flag("--json", words.bench.json, "one JSON document");
}

int run(int argc, char** argv) {
  Words words;
  CLI::App app{kHelp, "depot"};
  app.set_version_flag("--version", version_line("depot"));
  app.add_option("--config", words.config,
                 "else $DEPOT_CONFIG, ./config.yml, /etc/depot/config.yml");
  app.add_flag("--check-config", words.check_config, "print the configuration in force and exit");
  app.fallthrough();  // --config may stand behind the command, too.
  add_cluster_commands(app, words);
  add_trade_commands(app, words);
  add_manufacturer_commands(app, words);
  add_cycle_commands(app, words);
  add_key_commands(app, words);
  add_settlement_commands(app, words);
  add_load_commands(app, words);
  add_shop_command(app, words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help, or the version
    std::cerr << "depot: " << error.what() << "; see depot --help\n";
    return kExitUsage;
  }
  const std::string path = find_config(words.config);
  const Config config = words.from_file ? load_config(path) : control::load_in_force(path);
  if (words.check_config) return print_config(config);
  if (!words.run) {
    std::cerr << "depot: a command is needed; see depot --help\n";
    return kExitUsage;
  }
  crypto_start();
  return words.run(config);
}

}  // namespace
}  // namespace depot

int main(int argc, char** argv) try {
  depot::leave_no_core();
  return depot::run(argc, argv);
} catch (const std::exception& error) {
  return depot::report_fatal("depot", error);
}
