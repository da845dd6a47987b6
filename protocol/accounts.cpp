#include "protocol/accounts.hpp"

#include "protocol/fields.hpp"

namespace depot::protocol {
namespace {

void write_optional(const std::optional<std::string>& text, Writer& writer) {
  text ? writer.string(*text) : writer.nil();
}

void read_optional(Reader& reader, std::optional<std::string>& text) {
  const auto found = reader.optional_string();
  if (found) text.emplace(*found);
}

void write_card(const Card& card, Writer& writer) {
  writer.string(card.brand).string(card.last4).integer(card.exp_month).integer(card.exp_year);
}

Card read_card(Reader& reader) {
  return {.brand = std::string(reader.string()),
          .last4 = read_sized(reader, 4),
          .exp_month = static_cast<int>(reader.integer(1, 12)),
          .exp_year = static_cast<int>(reader.integer(2000, 9999))};
}

}  // namespace

void encode(const CreateAccount& request, std::string& out) {
  Writer writer(out);
  writer.array(6).string(request.caller.customer).string(request.caller.session);
  writer.string(request.email).string(request.password);
  writer.string(request.first_name).string(request.last_name);
}

std::optional<CreateAccount> decode_create_account(std::string_view body) {
  return decode_array<CreateAccount>(body, 6, [](Reader& reader, CreateAccount& request) {
    request.caller.customer = read_sized(reader, kIdSize);
    request.caller.session = read_sized(reader, kHashSize);
    request.email = reader.string();
    request.password = reader.string();
    request.first_name = reader.string();
    request.last_name = reader.string();
  });
}

void encode(const LogIn& request, std::string& out) {
  Writer(out)
      .array(4)
      .string(request.session)
      .string(request.email)
      .string(request.password)
      .string(request.address);
}

std::optional<LogIn> decode_log_in(std::string_view body) {
  return decode_array<LogIn>(body, 4, [](Reader& reader, LogIn& request) {
    request.session = read_sized(reader, kHashSize);
    request.email = reader.string();
    request.password = reader.string();
    request.address = reader.string();
  });
}

std::optional<std::string> decode_logged_in(std::string_view body) {
  if (body.empty() || body.front() != 'O') return std::nullopt;
  Reader reader(body.substr(1));
  std::string customer = read_sized(reader, kIdSize);
  return reader.done() ? std::optional(std::move(customer)) : std::nullopt;
}

void encode(const Caller& caller, std::string& out) {
  Writer writer(out);
  write_caller(caller, writer.array(2));
}

std::optional<Caller> decode_caller(std::string_view body) {
  return decode_array<Caller>(body, 2, read_caller);
}

std::optional<Account> decode_account(std::string_view body) {
  return decode_reply<Account>('O', body, 4, [](Reader& reader, Account& account) {
    account.email = reader.string();
    account.first_name = reader.string();
    account.last_name = reader.string();
    if (reader.absent()) return;
    if (reader.array() != 4) return reader.fail();
    account.card = read_card(reader);
  });
}

void encode(const ChangeAccount& request, std::string& out) {
  Writer writer(out);
  write_caller(request.caller, writer.array(7));
  for (const auto* text : {&request.first_name, &request.last_name, &request.email,
                           &request.password, &request.current_password}) {
    write_optional(*text, writer);
  }
}

std::optional<ChangeAccount> decode_change_account(std::string_view body) {
  return decode_array<ChangeAccount>(body, 7, [](Reader& reader, ChangeAccount& request) {
    read_caller(reader, request.caller);
    for (auto* text : {&request.first_name, &request.last_name, &request.email, &request.password,
                       &request.current_password}) {
      read_optional(reader, *text);
    }
  });
}

void encode(const DeleteAccount& request, std::string& out) {
  Writer writer(out);
  write_caller(request.caller, writer.array(3));
  writer.string(request.password);
}

std::optional<DeleteAccount> decode_delete_account(std::string_view body) {
  return decode_array<DeleteAccount>(body, 3, [](Reader& reader, DeleteAccount& request) {
    read_caller(reader, request.caller);
    request.password = reader.string();
  });
}

void encode(const PutCard& request, std::string& out) {
  Writer writer(out);
  write_caller(request.caller, writer.array(7));
  write_card(request.card, writer);
  writer.string(request.token);
}

}  // namespace depot::protocol
