#include "base/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace depot {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                   spdlog::level::warn, spdlog::level::err,
                                                   spdlog::level::off};
  return kLevels[static_cast<std::size_t>(level)];
}

// One line stays one line, and nothing in it can pass for another field.
void append_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append(1, '\\').append(1, c);
    } else if (c == '\n') {
      out.append("\\n");
    } else if (byte < 0x20 || byte == 0x7F) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out.append("\\u00").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    } else {
      out.append(1, c);
    }
  }
}

void append_quoted(std::string_view text, std::string& out) {
  out.append(1, '"');
  append_escaped(text, out);
  out.append(1, '"');
}

void append_field_text(const Field& field, std::string& out) {
  out.append(1, ' ').append(field.key).append(1, '=');
  const bool plain =
      !field.value.empty() && field.value.find_first_of(" \"\\=\t\r\n") == std::string::npos;
  plain ? append_escaped(field.value, out) : append_quoted(field.value, out);
}

void append_field_json(const Field& field, std::string& out) {
  out.append(",\"").append(field.key).append("\":");
  field.number ? void(out.append(field.value)) : append_quoted(field.value, out);
}

}  // namespace

struct Log::Sink {
  std::string process;
  bool json;
  spdlog::logger logger;
};

Log::Log(const LogConfig& config, std::string_view process)
    : sink_(new Sink{std::string(process), config.json,
                     spdlog::logger("", std::make_shared<spdlog::sinks::stderr_sink_mt>())}) {
  const char* pattern = config.json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                    : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v";
  sink_->logger.set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  sink_->logger.flush_on(spdlog::level::debug);
  set_level(config.level);
}

Log::~Log() = default;

void Log::set_level(LogLevel level) { sink_->logger.set_level(spdlog_level(level)); }

void Log::debug(std::string_view message, Fields fields) {
  write(LogLevel::debug, message, fields);
}
void Log::info(std::string_view message, Fields fields) { write(LogLevel::info, message, fields); }
void Log::warning(std::string_view message, Fields fields) {
  write(LogLevel::warning, message, fields);
}
void Log::error(std::string_view message, Fields fields) {
  write(LogLevel::error, message, fields);
}

void Log::write(LogLevel level, std::string_view message, Fields fields) {
  if (!sink_->logger.should_log(spdlog_level(level))) return;
  std::string line;
  if (sink_->json) {
    line.append("\"process\":");
    append_quoted(sink_->process, line);
    line.append(",\"message\":");
    append_quoted(message, line);
    for (const Field& field : fields) append_field_json(field, line);
  } else {
    line.append(sink_->process).append(1, ' ');
    append_escaped(message, line);
    for (const Field& field : fields) append_field_text(field, line);
  }
  sink_->logger.log(spdlog_level(level), line);
}

}  // namespace depot
