// What the API's files share: how a list's parameters are read, how an answer becomes JSON.
//
// Threads: those of one I/O thread.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "customer_gateway/exchange.hpp"

namespace depot::customer_gateway {

// Continues an operation with its JSON answer.
template <typename T>
Done<T> json_reply(const Visit& visit) {
  return [exchange = visit.exchange](Answer<T> answer) {
    if (!answer) return exchange->fail(answer.error());
    exchange->send_json(200, *answer);
  };
}

// The parameters of a list: limit (1..100), cursor ("": from the start), and `others` by name.
// nullopt where one is unknown, twice or out of range: it has then answered 400.
struct ListQuery {
  std::size_t limit = 50;
  std::string cursor;
  std::map<std::string, std::string> others;
};
std::optional<ListQuery> read_list_query(const Visit& visit,
                                         std::initializer_list<std::string_view> others = {});

}  // namespace depot::customer_gateway
