#include "tests/support/command.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "base/process.hpp"

namespace depot::test {

TempFolder::TempFolder() {
  char path[] = "/tmp/dt-XXXXXX";
  if (!mkdtemp(path)) throw std::runtime_error("mkdtemp failed in /tmp");
  path_ = path;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

CommandResult run_command(const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment,
                          std::chrono::seconds timeout) {
  TempFolder folder;
  const std::string out = folder.path() + "/out", err = folder.path() + "/err";
  // A shell parts the two outputs, which Process knows only as one, and then becomes the program.
  std::vector<std::string> command = {"/bin/sh", "-c", "exec \"$@\" >\"$OUT\" 2>\"$ERR\"", "sh"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<std::string> with_outputs = environment;
  with_outputs.insert(with_outputs.end(), {"OUT=" + out, "ERR=" + err});

  Process process =
      Process::start({.arguments = command, .environment = with_outputs, .output_path = {}});
  const auto status = process.wait(timeout);
  if (!status) {
    process.signal(SIGKILL);
    process.wait(std::chrono::seconds(5));
    throw std::runtime_error(arguments.at(0) + " did not end within " +
                             std::to_string(timeout.count()) + " s; it said:\n" +
                             last_lines(read_file(err) + read_file(out), 40));
  }
  return {.exit_code = status->signal ? 128 + status->signal : status->code,
          .out = read_file(out),
          .err = read_file(err)};
}

std::string program(const std::string& name) {
  const char* folder = std::getenv("DEPOT_BIN");
  return (folder ? std::string(folder) : executable_dir()) + "/" + name;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

std::vector<std::string> files_below(const std::string& folder, const std::string& extension) {
  std::vector<std::string> found;
  std::error_code gone;  // What is being written and removed meanwhile is passed over.
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, gone)) {
    if (entry.path().extension() == extension) found.push_back(entry.path());
  }
  return found;
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

std::string last_lines(const std::string& text, int count) {
  std::size_t at = text.size();
  while (at > 0 && count >= 0) {
    const std::size_t newline = text.rfind('\n', at - 1);
    if (newline == std::string::npos) return text;
    at = newline;
    --count;
  }
  return text.substr(at == 0 ? 0 : at + 1);
}

}  // namespace depot::test
