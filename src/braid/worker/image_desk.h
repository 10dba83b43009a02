// Where a group's publisher has the images of its requests made. Implemented over a store,
// and by tests. Tested by group_publisher_test.cc and image_store_test.cc.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/ids.h"
#include "braid/request/request_image.h"
#include "braid/worker/image_store.h"

namespace braid {

struct ImagesError {
  std::string message;
  bool is_bad_request = true;  // an image is bad itself, and its making has not failed
};
using ImagesState = Result<void, ImagesError>;

class ImageDesk {
 public:
  virtual ~ImageDesk() = default;

  // Begins to make those that are missing. From now on they are in use, until release().
  virtual void want(RequestId request, std::span<const RequestImage> images) = 0;
  virtual void release(RequestId request) = 0;

  // Whether all of its images are there, or the error of one that cannot be made, with its number. Absent: not all are
  // made yet; the world is woken once another is.
  virtual std::optional<ImagesState> state(RequestId request) = 0;
};

// Of one group. Used by its publisher's thread alone.
class ImageStoreDesk final : public ImageDesk {
 public:
  // `on_made`: called on any thread, also after the desk's end. `store` outlives the desk.
  ImageStoreDesk(ImageStore& store, std::function<void()> on_made) : store_(store), on_made_(std::move(on_made)) {}

  void want(RequestId request, std::span<const RequestImage> images) override {
    std::vector<ImageStore::Use>& uses = uses_[request];
    for (const RequestImage& image : images) uses.push_back(store_.use(image, on_made_));
  }
  void release(RequestId request) override {
    uses_.erase(request);
    store_.trim();
  }

  std::optional<ImagesState> state(RequestId request) override {
    bool is_complete = true;
    const std::vector<ImageStore::Use>& uses = uses_.at(request);
    for (size_t i = 0; i < uses.size(); ++i) {
      const std::optional<Status> made = uses[i].state();
      if (made && !made->ok()) {
        return ImagesError{.message = fmt::format("image {}: {}", i, made->error().message),
                           .is_bad_request = !uses[i].may_succeed_elsewhere()};
      }
      is_complete = is_complete && made.has_value();
    }
    return is_complete ? std::optional(ImagesState()) : std::nullopt;
  }

 private:
  ImageStore& store_;
  const std::function<void()> on_made_;
  std::map<RequestId, std::vector<ImageStore::Use>> uses_;
};

}  // namespace braid
