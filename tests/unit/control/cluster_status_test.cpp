// What is asked of processes is served here by real admin endpoints in a runtime folder of its own.
#include "control/cluster_status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "http/admin_server.hpp"
#include "http/listener.hpp"

namespace depot::control {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using State = SupervisedProcess::State;

class ClusterStatusTest : public testing::Test {
 protected:
  ClusterStatusTest() {
    char name[] = "/tmp/depot-status-test-XXXXXX";
    folder_ = mkdtemp(name);
    view_.config = parse_config("runtime_dir: " + folder_, "c.yml");
    make_runtime_dir(view_.config);
    for (const char* process : {"worker-1", "worker-2"}) {
      SupervisedProcess row{.spec = {process}, .state = State::ready, .not_ready = ""};
      row.started = steady_now();
      view_.rows.push_back({row, 7});
    }
    view_.settled = true;
  }
  ~ClusterStatusTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<http::AdminServer> serve(const std::string& process, const Metrics& metrics) {
    return std::make_unique<http::AdminServer>(
        "unix:" + view_.config.admin_socket(process), metrics,
        http::AdminHooks{
            .not_ready = {}, .drain = {}, .status = [] { return R"({"waiting":4})"; }});
  }

  std::string folder_;
  UpView view_;
  std::optional<store::BlockingRedis> redis_;
};

TEST_F(ClusterStatusTest, MetricsOfAllAreOneTextWithAProcessLabel) {
  Metrics one, two, own;
  one.counter("depot_x_total", "Xs.", {{"kind", "a"}}).add(3);
  two.counter("depot_x_total", "Xs.", {{"kind", "a"}}).add(4);
  own.gauge("depot_up_ready", "Ready.").set(2);
  const auto first = serve("worker-1", one), second = serve("worker-2", two);
  const std::string text = merged_metrics(view_, own.text());
  EXPECT_THAT(text, HasSubstr("# HELP depot_x_total Xs.\n# TYPE depot_x_total counter\n"
                              "depot_x_total{process=\"worker-1\",kind=\"a\"} 3\n"
                              "depot_x_total{process=\"worker-2\",kind=\"a\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("depot_up_ready{process=\"up\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nprocess_start_time_seconds{process=\"worker-2\"} "));
}

TEST_F(ClusterStatusTest, EmbedsWhatEachProcessSaysAndShowsWhoIsSilent) {
  Metrics metrics;
  const auto only = serve("worker-1", metrics);
  const boost::json::object status = status_document(view_, redis_);
  const auto& rows = status.at("processes").as_array();
  EXPECT_EQ(rows[0].at("status").at("waiting").as_int64(), 4);
  EXPECT_EQ(rows[0].at("state").as_string(), "ready");
  EXPECT_EQ(rows[0].at("pid").as_int64(), 7);
  EXPECT_TRUE(rows[1].at("status").is_null());
  EXPECT_FALSE(status.at("redis").at("not_ready").as_string().empty());  // There is none here.
}

// A process that is stopped still has its socket: it takes what is asked, and never answers.
TEST_F(ClusterStatusTest, ManySilentProcessesTakeTheTimeOfOne) {
  boost::asio::io_context io;
  std::vector<http::Acceptor> stopped;
  for (int i = 3; i <= 32; ++i) {
    const std::string name = "worker-" + std::to_string(i);
    view_.rows.push_back(view_.rows.back());
    view_.rows.back().process.spec.name = name;
    stopped.push_back(
        http::open_listener(io, "unix:" + view_.config.admin_socket(name), http::PortUse::alone));
  }
  Metrics metrics;
  const auto only = serve("worker-1", metrics);
  const TimePoint begin = steady_now();
  const boost::json::object status = status_document(view_, redis_);
  EXPECT_LT(steady_now() - begin, 3s) << "300 ms for each would be 9 s";
  EXPECT_EQ(status.at("processes").at(0).at("status").at("waiting").as_int64(), 4);
  EXPECT_TRUE(status.at("processes").at(31).at("status").is_null());
}

TEST_F(ClusterStatusTest, AgentsAreAskedOnlyWhereWanted) {
  view_.rows[0].process.spec.name = "alder-mill";
  Metrics metrics;
  const auto agent = serve("alder-mill", metrics);
  const auto first_row = [this](bool agents) {
    return status_document(view_, redis_, agents).at("processes").at(0).as_object();
  };
  EXPECT_EQ(first_row(true).at("status").at("waiting").as_int64(), 4);
  EXPECT_FALSE(first_row(false).contains("status"));
}

TEST_F(ClusterStatusTest, AProcessHasAKindByItsName) {
  EXPECT_EQ(kind_of("worker-12"), "worker");
  EXPECT_EQ(kind_of("gateway-1"), "gateway");
  EXPECT_EQ(kind_of("alder-mill"), "manufacturer");
  EXPECT_EQ(kind_of("worker-x"), "manufacturer");
}

TEST_F(ClusterStatusTest, TheFirstReasonIsWhatIsWaitedFor) {
  EXPECT_EQ(view_.not_ready(), "");
  view_.rows[1].process.not_ready = "no balancer has answered";
  EXPECT_EQ(view_.not_ready(), "worker-2: no balancer has answered");
  view_.redis_down = "loading";
  EXPECT_EQ(view_.not_ready(), "redis: loading");
}

TEST_F(ClusterStatusTest, ConfigErrorsAreShown) {
  view_.config_error = "config.yml:3: workers.count: must be ...";
  view_.restart_keys = {"hub.pace"};
  const boost::json::object config = status_document(view_, redis_).at("config").as_object();
  EXPECT_EQ(config.at("error").as_string(), view_.config_error);
  EXPECT_EQ(config.at("restart_needed_for").as_array().size(), 1u);
}

}  // namespace
}  // namespace depot::control
