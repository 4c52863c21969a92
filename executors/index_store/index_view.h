// What an index does when documents of its store come, go and move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/result.h"
#include "wire/document.h"

namespace flow::executors {

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = std::numeric_limits<Slot>::max();

class IndexView {
 public:
  virtual ~IndexView() = default;

  // Whether added() would take documents of another process with such an attachment; what is wrong
  // with them if not. There is at least one.
  virtual Status check(std::span<const wire::Document> documents,
                       std::span<const std::byte> attachment) const = 0;

  // Documents were stored at `first`, first + 1, …. Called for new ones and for those of the log.
  // An error (a log whose attachment does not fit) refuses the log.
  virtual Status added(Slot first, std::span<const wire::Document> documents,
                       std::span<const std::byte> attachment) = 0;

  virtual void removed(Slot slot, const wire::Document& document) = 0;

  // Slot s is now `now[s]`, kNoSlot if it was removed. The order stays the same.
  virtual void renumbered(std::span<const Slot> now, std::size_t live) = 0;

  // Appends what was attached to the document in `slot`.
  virtual void append_attachment(Slot slot, std::vector<std::byte>& out) const = 0;
};

}  // namespace flow::executors
