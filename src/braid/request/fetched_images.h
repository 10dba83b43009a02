// Images that a client's request only names. Plain data. Tested by journal/records_test.cc.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace braid {

// Their bytes, by URL.
using FetchedImages = std::map<std::string, std::shared_ptr<const std::string>, std::less<>>;

}  // namespace braid
