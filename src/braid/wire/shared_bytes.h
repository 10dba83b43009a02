// Immutable bytes with shared ownership: a message is made once and passed on without copies. Tested by
// transport/link_test.cc.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace braid {

class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(std::vector<std::byte> bytes) {
    auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    span_ = *owner;
    owner_ = std::move(owner);
  }
  // `bytes` must live as long as `owner`.
  SharedBytes(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), span_(bytes) {}

  std::span<const std::byte> span() const { return span_; }
  size_t size() const { return span_.size(); }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> span_;
};

}  // namespace braid
