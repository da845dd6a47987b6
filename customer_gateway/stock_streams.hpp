// Live stock for the clients of one I/O thread: GET /v1/catalogue/stream.
//
// A stream is sent a snapshot, or what it lacks, and then each frame of the news. A client that
// leaves more than `stream_buffer_max` untaken (a snapshot aside) gets nothing further until it has
// taken all, and then a new snapshot. Frames go to a few streams in each turn of the loop, so that
// requests never wait for all of them.
//
// Threads: those of one I/O thread; StreamMetrics are made before the threads start.
// Source:  docs/openapi.yaml, /v1/catalogue/stream.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <vector>

#include "base/config.hpp"
#include "base/metrics.hpp"
#include "customer_gateway/exchange.hpp"
#include "customer_gateway/stock_news.hpp"

namespace depot::customer_gateway {

struct StreamMetrics {
  StreamMetrics(Metrics& metrics, const Labels& thread);
  Counter &frames, &snapshots, &slow;
  Gauge& streams;
};

class StockStreams {
 public:
  StockStreams(boost::asio::io_context& io, StockNews& news, const GatewayConfig& limits,
               StreamMetrics& metrics);

  void open(const Visit& visit);
  // Says bye to all, with a time to come back after; from then on there is none.
  void drain();

 private:
  struct Client {
    http::Stream stream;
    std::uint64_t position = 0;  // in the news
    std::size_t unsent_max = 0;
    TimePoint written = {}, drained = {};  // when last
    bool slow = false;
  };

  boost::asio::io_context& io_;
  StockNews& news_;
  const GatewayConfig& limits_;
  StreamMetrics& metrics_;
  boost::asio::steady_timer timer_;
  std::vector<Client> clients_;
  bool draining_ = false;
  bool looking_ = false;      // The timer runs.
  bool passing_ = false;      // A pass through clients_ is under way, and
  std::size_t at_ = 0;        // this one is next.
  std::uint64_t passed_ = 0;  // The newest when it began.
  TimePoint pass_due_;
  std::size_t turn_bytes_ = 0;  // written in this turn

  void look();
  void pass();
  bool serve(Client& client, TimePoint now);
  void send(Client& client, http::Stream::Frame frame, TimePoint now);
};

}  // namespace depot::customer_gateway
