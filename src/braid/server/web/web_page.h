// The web page: files that are part of the program, as answers to GET. Knows no sockets, no engine and no API; the page
// itself uses the API as any client does.
#pragma once

#include <optional>
#include <string_view>

#include "braid/server/http/handler.h"
#include "braid/server/http/router.h"

namespace braid {

// The answer to GET or HEAD of "/" or "/page/NAME", with its type, ETag and security headers; 304 where the client has
// the file already. None: the page has no such file.
std::optional<http::Response> web_page_response(const http::Request& request);

// Whether this is one of the page's files: they need no API key, for the page asks for it.
bool is_web_page_path(std::string_view path);

// A route for each file.
void add_web_page_routes(http::Router& router);

}  // namespace braid
