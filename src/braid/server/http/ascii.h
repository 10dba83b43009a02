// Text as HTTP sees it: ASCII without case, tokens, and clients' bytes made safe for a log line or a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace braid::http {

bool equal_ignoring_case(std::string_view a, std::string_view b);

// Without spaces and tabs at both ends.
std::string_view trim(std::string_view text);

// Whether RFC 9110 calls this a token: a method, a header's name.
bool is_token(std::string_view text);

// Printable ASCII unchanged, '"' and '\' after a '\', any other byte as \xHH. Text over `max_bytes` is cut and ends in
// "...". So no client can forge a line, an escape sequence or broken UTF-8.
std::string printable(std::string_view bytes, size_t max_bytes = 200);

}  // namespace braid::http
