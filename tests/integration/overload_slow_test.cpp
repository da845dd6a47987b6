// As in overload_test.cpp, for longer.
#include "tests/integration/overload_fixture.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using OverloadSlowTest = OverloadTest;

TEST_F(OverloadSlowTest, TenTimesWhatAPinnedBackEndDoesIsRefusedAndForgotten) {
  expect_overload_is_refused_and_forgotten(
      {.pin = 8s, .before = 4s, .overload = 15s, .after = 10s});
}

}  // namespace
}  // namespace depot::test
