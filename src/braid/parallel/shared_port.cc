#include "braid/parallel/shared_port.h"

#include <string>
#include <utility>

#include "braid/parallel/port_tags.h"

namespace braid {
namespace {

struct SharedPort {
  explicit SharedPort(std::shared_ptr<ProcessPort> of_all) : port(std::move(of_all)) {}

  std::mutex mutex;
  const std::shared_ptr<ProcessPort> port;
};

class PortView final : public ProcessPort {
 public:
  PortView(std::shared_ptr<SharedPort> shared, int32_t first_tag)
      : shared_(std::move(shared)),
        process_(shared_->port->process()),
        num_processes_(shared_->port->num_processes()),
        first_tag_(first_tag) {}

  int32_t process() const override { return process_; }
  int32_t num_processes() const override { return num_processes_; }

  PortRequest send(const void* data, size_t bytes, int32_t to, int32_t tag) override {
    const Turn turn(*this);
    return shared_->port->send(data, bytes, to, first_tag_ + tag);
  }
  PortRequest receive(void* data, size_t bytes, int32_t from, int32_t tag) override {
    const Turn turn(*this);
    return shared_->port->receive(data, bytes, from, first_tag_ + tag);
  }
  bool test(PortRequest request, PortArrival* arrival) override {
    const Turn turn(*this);
    return shared_->port->test(request, arrival);
  }
  void cancel(PortRequest request) override {
    const Turn turn(*this);
    shared_->port->cancel(request);
  }
  void give_up() override {
    const Turn turn(*this);
    shared_->port->give_up();
  }
  const std::string& error() const override { return error_; }
  void close() override {}  // the port's owner does

 private:
  // A call of the port. Its error is copied, because the other view's thread may change it.
  class Turn {
   public:
    explicit Turn(PortView& view) : view_(view), lock_(view.shared_->mutex) {}
    ~Turn() {
      if (view_.error_.empty()) view_.error_ = view_.shared_->port->error();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    PortView& view_;
    const std::lock_guard<std::mutex> lock_;
  };

  const std::shared_ptr<SharedPort> shared_;
  const int32_t process_;
  const int32_t num_processes_;
  const int32_t first_tag_;
  std::string error_;
};

}  // namespace

std::array<std::shared_ptr<ProcessPort>, 2> share_port(std::shared_ptr<ProcessPort> port) {
  const auto shared = std::make_shared<SharedPort>(std::move(port));
  return {std::make_shared<PortView>(shared, 0), std::make_shared<PortView>(shared, kSecondWorldTags)};
}

}  // namespace braid
