// The main of a fuzzer that is built without libFuzzer: takes the inputs that are kept, then ones
// that are changed a little, always the same. No search: that is for the fuzz preset.
//
//   http_fuzz FOLDER-OR-FILE...    the input at work lies in <program>.input, should it crash
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz.hpp"

namespace depot::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr int kChangedMax = 4'000;
constexpr auto kTimeMax = std::chrono::seconds(2);
constexpr std::size_t kInputBytesMax = 16 * 1024;

class Random {  // xorshift64*: the same everywhere
 public:
  std::size_t below(std::size_t end) { return end == 0 ? 0 : next() % end; }

 private:
  std::uint64_t state_ = 0x9E3779B97F4A7C15;
  std::size_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return (state_ * 0x2545F4914F6CDD1D) >> 16;
  }
};

std::string changed(std::string input, const std::vector<std::string>& all, Random& random) {
  constexpr std::string_view kTelling[] = {std::string_view("\0", 1),
                                           "\xFF",
                                           "\x7F",
                                           "\x80",
                                           "\r\n",
                                           "\n",
                                           "-1",
                                           "9223372036854775807",
                                           "\xD3\x80\0\0\0\0\0\0\0",
                                           "\xDD\xFF\xFF\xFF\xFF",
                                           "\"",
                                           "%",
                                           ";",
                                           "{",
                                           "[",
                                           "\xC5\x82"};
  for (std::size_t times = 1 + random.below(3); times > 0; --times) {
    const std::size_t at = random.below(input.size() + 1);
    const std::size_t size = random.below(std::min<std::size_t>(input.size() - at, 64) + 1);
    switch (random.below(6)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << random.below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = static_cast<char>(random.below(256));
        break;
      case 2:
        input.erase(at, size);
        break;
      case 3:
        input.insert(at, input.substr(at, size));
        break;
      case 4:
        input.insert(at, kTelling[random.below(std::size(kTelling))]);
        break;
      default: {
        const std::string& other = all[random.below(all.size())];
        input = input.substr(0, at) + other.substr(random.below(other.size() + 1));
      }
    }
  }
  return input.substr(0, kInputBytesMax);
}

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> inputs_of(int count, char** names) {
  std::vector<fs::path> paths;
  for (int i = 0; i < count; ++i) {
    if (!fs::is_directory(names[i])) {
      paths.emplace_back(names[i]);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(names[i])) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const fs::path& path : paths) inputs.push_back(bytes_of(path));
  return inputs;
}

int replay(const std::string& program, const std::vector<std::string>& inputs) {
  const std::string at_work = program + ".input";
  const auto take = [&](const std::string& input) {
    std::ofstream(at_work, std::ios::binary) << input;
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  };
  for (const std::string& input : inputs) take(input);
  Random random;
  int done = 0;
  const auto end = std::chrono::steady_clock::now() + kTimeMax;
  while (done < kChangedMax && std::chrono::steady_clock::now() < end) {
    take(changed(inputs[random.below(inputs.size())], inputs, random));
    ++done;
  }
  fs::remove(at_work);
  std::cout << inputs.size() << " inputs, and " << done << " changed ones\n";
  return 0;
}

}  // namespace
}  // namespace depot::fuzz

int main(int argc, char** argv) {
  const std::vector<std::string> inputs = depot::fuzz::inputs_of(argc - 1, argv + 1);
  if (inputs.empty()) {
    std::cerr << "no inputs\n";
    return 1;
  }
  return depot::fuzz::replay(argv[0], inputs);
}
