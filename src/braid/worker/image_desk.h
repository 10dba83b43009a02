// Where a group's publisher has the images of its requests made. Implemented by image_store_desk.h, and in tests.
// Tested by group_publisher_test.cc.
#pragma once

#include <optional>
#include <span>

#include "braid/base/result.h"
#include "braid/request/ids.h"
#include "braid/request/request_image.h"

namespace braid {

class ImageDesk {
 public:
  virtual ~ImageDesk() = default;

  // Begins to make those that are missing. From now on they are in use, until release().
  virtual void want(RequestId request, std::span<const RequestImage> images) = 0;
  virtual void release(RequestId request) = 0;

  // Whether all of its images are there, or the error of one that cannot be made. Absent: not all are made yet; the
  // world is woken once another is.
  virtual std::optional<Status> state(RequestId request) = 0;
};

}  // namespace braid
