// A link whose maps nobody reads: for a controller's maps that are made and counted, while the virtual engine takes the
// commands directly.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "braid/wire/transport/link.h"

namespace braid::simulate {

class UnheardLink final : public ControllerLink {
 public:
  explicit UnheardLink(int32_t num_receivers) : num_receivers_(num_receivers) {}

  Status send_to_all(SharedBytes /*map*/) override { return {}; }
  Status send_to(int32_t /*group*/, SharedBytes /*map*/) override { return {}; }
  int32_t num_receivers() const override { return num_receivers_; }
  void leave_out(int32_t /*group*/) override {}
  std::unique_ptr<PublisherLink> let_back(int32_t /*group*/) override { return nullptr; }
  Result<std::optional<LinkEvent>> receive(double /*timeout_s*/) override { return std::optional<LinkEvent>(); }
  void wake() override {}

 private:
  const int32_t num_receivers_;
};

}  // namespace braid::simulate
