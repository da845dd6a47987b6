// Where the HTTP server listens, and that nobody else does.
#include "http/listener.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <barrier>
#include <boost/asio/local/stream_protocol.hpp>
#include <thread>

#include "base/fatal.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/http/raw_peer.hpp"

namespace depot::http::test {
namespace {

using depot::test::TempDir;

TEST(ListenTest, ServesIpv6) {
  RunningServer server({.listen = "[::1]:0"});
  RawPeer peer(server.port(), "::1");
  peer.send(kGet);
  EXPECT_EQ(peer.answer().status, 200);
}

TEST(ListenTest, AUnixSocketIsOursAloneAndLeavesNoFile) {
  const TempDir folder;
  const std::string path = folder / "a.sock";
  for (int run = 0; run < 2; ++run) {
    RunningServer server({.listen = "unix:" + path});
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    RawPeer peer(path);
    peer.send(kGet);
    EXPECT_EQ(peer.answer().status, 200);
  }
  struct stat info {};
  EXPECT_NE(::stat(path.c_str(), &info), 0);
}

TEST(ListenTest, ASocketFileLeftBehindIsReplacedAndOneInUseIsNot) {
  const TempDir folder;
  const std::string path = folder / "a.sock";
  const ServerOptions options{.listen = "unix:" + path};
  {
    boost::asio::io_context io(1);
    boost::asio::local::stream_protocol::acceptor left_behind(io, path);
  }
  RunningServer server(options);
  boost::asio::io_context io(1);
  try {
    Server second(io, options, [](const Request&, Responder) {});
    FAIL() << "two servers on one socket";
  } catch (const StartupError& error) {
    EXPECT_EQ(error.exit_code(), kExitUnavailable);
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
  }
  RawPeer peer(path);
  peer.send(kGet);
  EXPECT_EQ(peer.answer().status, 200);
}

TEST(ListenTest, WhatCannotBeListenedOnIsNamed) {
  const RunningServer server;
  const std::string taken = "127.0.0.1:" + std::to_string(server.port());
  boost::asio::io_context io(1);
  for (const auto& [listen, code] :
       std::vector<std::pair<std::string, int>>{{taken, kExitUnavailable},
                                                {"192.0.2.1:1", kExitUnavailable},
                                                {"unix:/nowhere/a.sock", kExitUnavailable},
                                                {"unix:" + std::string(108, 'x'), kExitConfig},
                                                {"127.0.0.1", kExitConfig},
                                                {"127.0.0.1:70000", kExitConfig},
                                                {"example:80", kExitConfig},
                                                {"", kExitConfig}}) {
    try {
      Server refused(io, {.listen = listen}, [](const Request&, Responder) {});
      FAIL() << listen << " was taken";
    } catch (const StartupError& error) {
      EXPECT_EQ(error.exit_code(), code) << listen;
      EXPECT_NE(std::string(error.what()).find(listen), std::string::npos) << error.what();
    }
  }
}

TEST(ListenTest, ServersShareAPortWhenAsked) {
  RunningServer first({.port_use = PortUse::shared});
  const std::string listen = "127.0.0.1:" + std::to_string(first.port());
  RunningServer second({.listen = listen, .port_use = PortUse::joined});
  EXPECT_EQ(first.port(), second.port());
  for (int i = 0; i < 64; ++i) {
    RawPeer peer(first.port());
    peer.send(kGet);
    ASSERT_EQ(peer.answer().status, 200);
  }
  // 64 connections by a hash of their ports all going one way is one chance in 2^63.
  EXPECT_GT(first.stats().connections_total, 0u);
  EXPECT_GT(second.stats().connections_total, 0u);
}

// Two gateways that start at one instant: the threads of the one are never threads of the other.
TEST(ListenTest, OfTwoThatShareTheirPortAtOnceOnlyOneHasIt) {
  for (int round = 0; round < 100; ++round) {
    const std::string listen = "127.0.0.1:" + std::to_string(RunningServer().port());
    std::barrier start(2);
    std::atomic<int> owners = 0;
    const auto come = [&] {
      boost::asio::io_context io(1);
      start.arrive_and_wait();
      try {
        const Acceptor first = open_listener(io, listen, PortUse::shared);
        const Acceptor second = open_listener(io, listen, PortUse::joined);
        ++owners;
        start.arrive_and_wait();
      } catch (const StartupError&) {
        start.arrive_and_wait();
      }
    };
    std::thread other(come);
    come();
    other.join();
    ASSERT_LE(owners, 1);
  }
}

}  // namespace
}  // namespace depot::http::test
