// The bad requests of bad_input_test.cpp, as data.
#pragma once

#include <string>
#include <vector>

#include "tests/support/wire.hpp"

namespace depot::test {

enum class Who { nobody, customer, cardless };

struct BadRequest {
  std::string name = {};
  Who who = Who::customer;
  std::string method = "POST";
  std::string target = "/v1/orders";
  std::string body = {};
  int status = 400;
  std::string problem = "malformed";
  Headers headers = {};
  bool with_key = true;  // an Idempotency-Key of its own
};

// {"lines": [...]} with one line; both arguments are JSON.
std::string line(const std::string& quantity, const std::string& offer = R"("m1:a")");

std::vector<BadRequest> syntax_rows();  // all 400 malformed
std::vector<BadRequest> value_rows();   // well-formed, and not to be had
std::vector<BadRequest> door_rows();    // who may ask, and where
std::vector<BadRequest> size_rows();    // how much, of what

}  // namespace depot::test
