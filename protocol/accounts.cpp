#include "protocol/accounts.hpp"

#include "protocol/fields.hpp"

namespace depot::protocol {

void encode(const CreateAccount& request, std::string& out) {
  write_array(out, request.caller.customer, request.caller.session, request.email, request.password,
              request.first_name, request.last_name, request.address, request.counted);
}

std::optional<CreateAccount> decode_create_account(std::string_view body) {
  return decode_array<CreateAccount>(body, 8, [](Reader& reader, CreateAccount& request) {
    read(reader, sized(request.caller.customer, kIdSize), sized(request.caller.session, kHashSize),
         request.email, request.password, request.first_name, request.last_name, request.address,
         request.counted);
  });
}

void encode(const LogIn& request, std::string& out) {
  write_array(out, request.session, request.email, request.password, request.address);
}

std::optional<LogIn> decode_log_in(std::string_view body) {
  return decode_array<LogIn>(body, 4, [](Reader& reader, LogIn& request) {
    read(reader, sized(request.session, kHashSize), request.email, request.password,
         request.address);
  });
}

std::optional<std::string> decode_logged_in(std::string_view body) {
  if (!body.starts_with('O')) return std::nullopt;
  Reader reader(body.substr(1));
  std::string customer;
  read(reader, sized(customer, kIdSize));
  return reader.done() ? std::optional(std::move(customer)) : std::nullopt;
}

void encode(const Caller& caller, std::string& out) { write_array(out, caller); }

std::optional<Account> decode_account(std::string_view body) {
  return decode_reply<Account>('O', body, 4, [](Reader& reader, Account& account) {
    read(reader, account.email, account.first_name, account.last_name);
    if (reader.absent()) return;
    if (reader.array() != 4) return reader.fail();
    Card& card = account.card.emplace();
    read(reader, card.brand, sized(card.last4, 4), ranged(card.exp_month, 1, 12),
         ranged(card.exp_year, 2000, 9999));
  });
}

void encode(const ChangeAccount& request, std::string& out) {
  write_array(out, request.caller, request.first_name, request.last_name, request.email,
              request.password, request.current_password, request.address, request.counted);
}

std::optional<ChangeAccount> decode_change_account(std::string_view body) {
  return decode_array<ChangeAccount>(body, 9, [](Reader& reader, ChangeAccount& request) {
    read(reader, request.caller, request.first_name, request.last_name, request.email,
         request.password, request.current_password, request.address, request.counted);
  });
}

void encode(const DeleteAccount& request, std::string& out) {
  write_array(out, request.caller, request.password);
}

std::optional<DeleteAccount> decode_delete_account(std::string_view body) {
  return decode_array<DeleteAccount>(body, 3, [](Reader& reader, DeleteAccount& request) {
    read(reader, request.caller, request.password);
  });
}

void encode(const PutCard& request, std::string& out) {
  const Card& card = request.card;
  write_array(out, request.caller, card.brand, card.last4, card.exp_month, card.exp_year,
              request.token);
}

}  // namespace depot::protocol
