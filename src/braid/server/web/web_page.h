// The web page: files inside the program, as answers to GET. Knows no sockets, no engine and no API; the page uses the
// API like any other client.
#pragma once

#include <optional>
#include <string_view>

#include "braid/server/http/handler.h"
#include "braid/server/http/router.h"

namespace braid {

// The answer to GET or HEAD of "/" or "/page/NAME", with its type, ETag and security headers; 304 if the client already
// has the file. None: the page has no such file.
std::optional<http::Response> web_page_response(const http::Request& request);

// Whether this is one of the page's files. They need no API key, because the page asks for it.
bool is_web_page_path(std::string_view path);

// A route for each file.
void add_web_page_routes(http::Router& router);

}  // namespace braid
