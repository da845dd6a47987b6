// Framing on raw sockets: what is a request, what is not, and that no second reading is possible.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "http/request_reader.hpp"
#include "tests/support/wait.hpp"
#include "tests/unit/http/raw_peer.hpp"

namespace depot::http::test {
namespace {

using namespace std::chrono_literals;
using Statuses = std::vector<int>;

struct Row {
  std::string name;
  std::string bytes;
  Statuses statuses;  // of the answers, in order; behind one of 400 or above the connection ends
  std::size_t handled;
};

const std::string kOk = "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n";

std::string get(const std::string& extra) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + extra + "\r\n";
}
// A POST whose body is followed by a request that only a wrong reading would find or miss.
std::string post(const std::string& extra, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + extra + "\r\n" + body;
}
const std::string kChunked = "Transfer-Encoding: chunked\r\n";

// clang-format off
const std::vector<Row> kRows = {
    // What has to be understood.
    {"Plain", get(""), {200}, 1},
    {"TwoInOnePacket", get("") + kOk, {200, 200}, 2},
    {"EmptyLineBefore", "\r\n" + get(""), {200}, 1},
    {"LengthZero", post("Content-Length: 0\r\n", "") + kOk, {200, 200}, 2},
    {"Length", post("Content-Length: 5\r\n", "hello") + kOk, {200, 200}, 2},
    {"LengthWithBlanksAround", post("Content-Length: \t5 \r\n", "hello") + kOk, {200, 200}, 2},
    {"LengthWithLeadingZeros", post("Content-Length: 005\r\n", "hello") + kOk, {200, 200}, 2},
    {"GetWithBody", get("Content-Length: 2\r\n") + "ab" + kOk, {200, 200}, 2},
    {"Chunked", post(kChunked, "5\r\nhello\r\n0\r\n\r\n") + kOk, {200, 200}, 2},
    {"ChunkedInCapitals", post("TRANSFER-ENCODING: CHUNKED\r\n",
         "A\r\n0123456789\r\n0\r\n\r\n") + kOk, {200, 200}, 2},
    {"ChunkExtension", post(kChunked, "5;a=\"b\"\r\nhello\r\n0\r\n\r\n") + kOk, {200, 200}, 2},
    {"ChunkExtensionWithQuotes",
     post(kChunked, "5;a=\"\\\"b\"\r\nhello\r\n0;c=\"\"\r\n\r\n") + kOk, {200, 200}, 2},
    {"ChunkTrailers", post(kChunked, "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n") + kOk, {200, 200}, 2},
    {"AbsoluteForm", "GET http://h/p?q=1 HTTP/1.1\r\nHost: h\r\n\r\n", {200}, 1},
    {"AbsoluteFormWithoutPath", "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", {200}, 1},
    {"OptionsStar", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", {200}, 1},
    {"ConnectAuthority", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", {200}, 1},
    {"UnknownMethod", "BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n", {200}, 1},
    {"Upgrade", get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
         "HTTP2-Settings: AAMAAABk\r\n") + kOk, {200, 200}, 2},
    {"HostWithPort", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", {200}, 1},
    {"Version10WithoutHost", "GET / HTTP/1.0\r\n\r\n", {200}, 1},
    {"EmptyValue", get("X-Empty:\r\n"), {200}, 1},
    {"HighBytesInValue", get("X-Name: \xC5\x82\r\n"), {200}, 1},
    // Two lengths, or one that is none.
    {"LengthAndChunked", post("Content-Length: 6\r\n" + kChunked, "0\r\n\r\nG") + kOk, {400}, 0},
    {"ChunkedAndLength", post(kChunked + "Content-Length: 6\r\n", "0\r\n\r\nG") + kOk, {400}, 0},
    {"TwoLengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), {400}, 0},
    {"TwoEqualLengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), {400}, 0},
    {"LengthList", post("Content-Length: 5,5\r\n", "hello"), {400}, 0},
    {"LengthListOfTwo", post("Content-Length: 5, 6\r\n", "hello"), {400}, 0},
    {"LengthSigned", post("Content-Length: +5\r\n", "hello"), {400}, 0},
    {"LengthNegative", post("Content-Length: -5\r\n", "hello"), {400}, 0},
    {"LengthHex", post("Content-Length: 0x5\r\n", "hello"), {400}, 0},
    {"LengthWithBlankInside", post("Content-Length: 1 5\r\n", "hello"), {400}, 0},
    {"LengthEmpty", post("Content-Length:\r\n", "hello"), {400}, 0},
    {"LengthWord", post("Content-Length: five\r\n", "hello"), {400}, 0},
    {"LengthTwoTo64", post("Content-Length: 18446744073709551616\r\n", "hello"), {400}, 0},
    {"LengthTwoTo64Less1", post("Content-Length: 18446744073709551615\r\n", "hello"), {413}, 0},
    // Transfer codings.
    {"CodingUnknown", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), {400}, 0},
    {"CodingBlankBeforeColon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), {400}, 0},
    {"CodingVerticalTab", post("Transfer-Encoding:\x0b" "chunked\r\n", "0\r\n\r\n"), {400}, 0},
    {"CodingIdentityFirst",
     post("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"), {400}, 0},
    {"CodingChunkedFirst",
     post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n") + kOk, {400}, 0},
    {"CodingIdentity", post("Transfer-Encoding: identity\r\n", "") + kOk, {400}, 0},
    {"CodingQuoted", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), {400}, 0},
    {"CodingWithParameter", post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), {400}, 0},
    {"CodingTwice", post(kChunked + kChunked, "0\r\n\r\n"), {400}, 0},
    {"CodingEmpty", post("Transfer-Encoding:\r\n", "") + kOk, {400}, 0},
    {"CodingInVersion10", "POST / HTTP/1.0\r\nHost: h\r\n" + kChunked + "\r\n0\r\n\r\n", {400}, 0},
    // Chunks.
    {"ChunkNegative", post(kChunked, "-1\r\nhello\r\n0\r\n\r\n"), {400}, 0},
    {"ChunkHexPrefix", post(kChunked, "0x5\r\nhello\r\n0\r\n\r\n"), {400}, 0},
    {"ChunkOf17Digits", post(kChunked, "10000000000000000\r\nhello\r\n0\r\n\r\n"), {400}, 0},
    {"ChunkHuge", post(kChunked, "7fffffffffffffff\r\nhello\r\n0\r\n\r\n"), {413}, 0},
    {"ChunkEmptySize", post(kChunked, "\r\nhello\r\n0\r\n\r\n"), {400}, 0},
    {"ChunkWithoutCrlf", post(kChunked, "5\r\nhelloX0\r\n\r\n"), {400}, 0},
    {"ChunkLongerThanSaid", post(kChunked, "4\r\nhello\r\n0\r\n\r\n"), {400}, 0},
    {"ChunkBareLf", post(kChunked, "5\nhello\n0\n\n\r\n\r\n"), {400}, 0},
    {"ChunkExtensionQuoteOpen",
     post(kChunked, "5;a=\"b\\\"\r\nhello\r\n0\r\n\r\n") + kOk, {400}, 0},
    {"ChunkExtensionQuoteOpenAtLast",
     post(kChunked, "5\r\nhello\r\n0;a=\"\r\n\r\n") + kOk, {400}, 0},
    {"ChunkExtensionQuoteClosedLater",
     post(kChunked, "5;a=\"b\r\nhello\"\r\n0\r\n\r\n") + kOk, {400}, 0},
    {"ChunkExtensionGiant", post(kChunked, "5;a=" + std::string(20'000, 'x')), {400}, 0},
    {"ChunkTrailersEndless", post(kChunked, "0\r\nX-A: " + std::string(20'000, 'x')), {400}, 0},
    {"ChunkTrailerWithLength", post(kChunked, "0\r\nContent-Length: 5\r\n\r\n"), {400}, 0},
    // Lines.
    {"FoldedLine", get("X-A: 1\r\n 2\r\n"), {400}, 0},
    {"FoldedLineTab", get("X-A: 1\r\n\t2\r\n"), {400}, 0},
    {"FoldedEmptyFirstLine", get("X-A:\r\n chunked\r\n"), {400}, 0},
    {"FoldedFirstLine", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", {400}, 0},
    {"BareLf", "GET / HTTP/1.1\nHost: h\n\n", {400}, 0},
    {"BareLfInHeaders", get("X-A: 1\nContent-Length: 5\r\n"), {400}, 0},
    {"BareCr", get("X-A: 1\rX-B: 2\r\n"), {400}, 0},
    {"NulInValue", get(std::string("X-A: 1\0002\r\n", 10)), {400}, 0},
    {"NulInTarget", std::string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28), {400}, 0},
    {"DelInValue", get("X-A: 1\x7f\r\n"), {400}, 0},
    {"BlankBeforeColon", get("X-A : 1\r\n"), {400}, 0},
    {"EmptyName", get(": 1\r\n"), {400}, 0},
    {"NoColon", get("X-A\r\n"), {400}, 0},
    {"NameWithBlank", get("X A: 1\r\n"), {400}, 0},
    {"NameHighByte", get("X-\xC5: 1\r\n"), {400}, 0},
    // Request line and host.
    {"HostMissing", "GET / HTTP/1.1\r\n\r\n", {400}, 0},
    {"HostTwice", get("Host: h\r\n"), {400}, 0},
    {"HostTwiceIn10", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", {400}, 0},
    {"HostWithPath", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", {400}, 0},
    {"HostWithUser", "GET / HTTP/1.1\r\nHost: a@h\r\n\r\n", {400}, 0},
    {"HostList", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", {400}, 0},
    {"AbsoluteFormOtherHost", "GET http://evil/p HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"Version09", "GET /\r\n\r\n", {400}, 0},
    {"Version19", "GET / HTTP/1.9\r\nHost: h\r\n\r\n", {400}, 0},
    {"Version20", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}, 0},
    {"VersionLowerCase", "GET / http/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"VersionThreeDigits", "GET / HTTP/1.10\r\nHost: h\r\n\r\n", {400}, 0},
    {"TargetEmpty", "GET  HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"TargetWithBlank", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"TargetWithFragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"TargetStar", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"TargetAuthority", "GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"OptionsRelative", "OPTIONS a HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"OptionsStarAndMore", "OPTIONS *a HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"TargetRelative", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"MethodWithBadByte", "GE(T / HTTP/1.1\r\nHost: h\r\n\r\n", {400}, 0},
    {"MethodOf64KiB", std::string(65'536, 'A') + " / HTTP/1.1\r\nHost: h\r\n\r\n", {431}, 0},
    {"TlsHello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), {400}, 0},
    {"Garbage", "\x01\x02\x03\x04\r\n\r\n", {400}, 0},
    // The second request of a pipeline is bad: the first is answered.
    {"GoodThenBad", get("") + "GET / HTTP/1.1\r\n\r\n" + kOk, {200, 400}, 1},
};
// clang-format on

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

constexpr std::size_t kLongRow = 4'096;  // bytes; a header's limit is 16 KiB

class FramingTest : public testing::TestWithParam<Row> {};

TEST_P(FramingTest, IsReadInOneWayOnly) {
  const Row& row = GetParam();
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(row.bytes);
  if (row.statuses.back() < 400) peer.shut_down_writing();

  Statuses statuses;
  for (const RawAnswer& answer : peer.answers_to_end()) {
    statuses.push_back(answer.status);
    if (answer.status < 400) continue;
    EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
    EXPECT_EQ(answer.header("Connection"), "close");
  }
  EXPECT_EQ(statuses, row.statuses);
  EXPECT_TRUE(peer.closed());
  EXPECT_EQ(server.handled().size(), row.handled);
  RawPeer next(server.port());
  next.send(kOk);
  EXPECT_EQ(next.answer().status, 200);
}

struct Reading {
  std::vector<std::string> requests;
  RequestReader::Step end;
  bool operator==(const Reading&) const = default;
};

// Reads `bytes` given in pieces of `piece`, the first of `first` where that is not 0, with the
// limits of ServerOptions.
Reading read_in_pieces(std::string_view bytes, std::size_t piece, std::size_t first = 0) {
  RequestReader reader(16 * 1024, 128 * 1024);
  Reading reading{{}, RequestReader::Step::need_more};
  std::string input;
  while (true) {
    std::size_t used = 0;
    reading.end = reader.read(input, used);
    if (reading.end == RequestReader::Step::request) {
      const Request& r = reader.request();
      reading.requests.push_back(std::string(r.method_text) + " " + std::string(r.path) + " " +
                                 std::string(r.body) + std::string(r.header("host")));
      reader.next();
      input.erase(0, used);
      continue;
    }
    input.erase(0, used);
    if (reading.end != RequestReader::Step::need_more || bytes.empty()) return reading;
    const std::size_t size = std::min(first == 0 ? piece : first, bytes.size());
    first = 0;
    input += bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
}

TEST_P(FramingTest, MeansTheSameHoweverItIsSplit) {
  const Row& row = GetParam();
  const Reading whole = read_in_pieces(row.bytes, row.bytes.size());
  for (const std::size_t piece : {1, 2, 3, 7, 64, 1000}) {
    EXPECT_EQ(read_in_pieces(row.bytes, piece), whole) << "in pieces of " << piece;
  }
  if (row.bytes.size() > kLongRow) return;
  for (std::size_t at = 1; at < row.bytes.size(); ++at) {
    EXPECT_EQ(read_in_pieces(row.bytes, row.bytes.size(), at), whole) << "split behind " << at;
  }
}

TEST_P(FramingTest, BytesOneByOneOnASocketAreReadAsIfTogether) {
  const Row& row = GetParam();
  if (row.bytes.size() > kLongRow) return;  // Read in pieces without a socket.
  RunningServer server;
  RawPeer peer(server.port());
  peer.send_by_byte(row.bytes);
  if (row.statuses.back() < 400) peer.shut_down_writing();
  Statuses statuses;
  for (const RawAnswer& answer : peer.answers_to_end()) statuses.push_back(answer.status);
  EXPECT_EQ(statuses, row.statuses);
}

INSTANTIATE_TEST_SUITE_P(Rows, FramingTest, testing::ValuesIn(kRows),
                         [](const auto& test) { return test.param.name; });

TEST(RequestReaderTest, FindsTheSameRequestAgainUntilItIsHandled) {
  RequestReader reader(1024, 1024);
  for (const std::string& bytes :
       {post(kChunked, "5\r\nhello\r\n0\r\n\r\n"), post("Content-Length: 5\r\n", "hello")}) {
    for (int times = 0; times < 3; ++times) {
      std::size_t used = 0;
      ASSERT_EQ(reader.read(bytes + kOk, used), RequestReader::Step::request);
      EXPECT_EQ(used, bytes.size());
      EXPECT_EQ(reader.request().body.size(), 5u);
    }
    reader.next();
  }
}

TEST(RequestReaderTest, GivesHeadersWithoutRegardToCase) {
  RequestReader reader(1024, 1024);
  const std::string bytes = get("X-TWO: 1\r\nx-two: 2\r\nCookie: sid=a\r\n");
  std::size_t used = 0;
  ASSERT_EQ(reader.read(bytes, used), RequestReader::Step::request);
  const Request& request = reader.request();
  EXPECT_EQ(request.header("x-two"), "1");
  EXPECT_EQ(request.header("cookie"), "sid=a");
  EXPECT_TRUE(request.optional_header("host"));
  EXPECT_FALSE(request.optional_header("x-one"));
}

}  // namespace
}  // namespace depot::http::test
