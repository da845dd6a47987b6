// Structured one-line logs on stderr: time, level, process, message, fields.
//
//   2026-11-22T09:25:51.042Z info  worker-1 ready frontend=ipc://... backend=ipc://...
//   {"time":"...","level":"info","process":"worker-1","message":"ready","frontend":"..."}   (json)
//
// Values are escaped; secrets are never given to it.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace depot {

enum class LogLevel { debug, info, warning, error, off };

// One "key=value" of a log line.
struct Field {
  std::string_view key;
  std::string value;
  bool number = false;  // Written without quotes in JSON.

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  template <typename Number>
  requires std::is_arithmetic_v<Number> Field(std::string_view k, Number v)
      : key(k), value(std::to_string(v)), number(true) {}
};

struct LogConfig {
  LogLevel level = LogLevel::info;
  bool json = false;
};

class Log {
 public:
  Log(const LogConfig& config, std::string_view process);
  ~Log();

  using Fields = std::initializer_list<Field>;
  void debug(std::string_view message, Fields fields = {});
  void info(std::string_view message, Fields fields = {});
  void warning(std::string_view message, Fields fields = {});
  void error(std::string_view message, Fields fields = {});
  void set_level(LogLevel level);

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
  void write(LogLevel level, std::string_view message, Fields fields);
};

}  // namespace depot
