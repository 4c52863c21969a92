#include "base/bytes.h"

#include <new>

#include "base/check.h"

namespace flow {

// Whoever is alone cannot be joined by others: then nothing needs to be written.
void Bytes::release(Keeper* keeper) noexcept {
  if (keeper->shares.load(std::memory_order_acquire) == 1 ||
      keeper->shares.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    keeper->end(keeper);
  }
}

Bytes Bytes::share(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) {
  return keep<std::shared_ptr<const void>>(bytes, std::move(owner));
}

// The buffer lies behind its keeper, in one allocation.
Bytes Bytes::fresh(std::span<const std::byte> bytes) {
  static_assert(sizeof(Keeper) == 16 && __STDCPP_DEFAULT_NEW_ALIGNMENT__ >= 16);
  void* memory = ::operator new(sizeof(Keeper) + bytes.size());
  auto* keeper = new (memory)
      Keeper{.end = [](Keeper* ended) noexcept { ::operator delete(static_cast<void*>(ended)); }};
  std::byte* data = static_cast<std::byte*>(memory) + sizeof(Keeper);
  std::memcpy(data, bytes.data(), bytes.size());
  return {keeper, {data, bytes.size()}};
}

Bytes Bytes::take(std::vector<std::byte> bytes) {
  if (bytes.empty()) return {};
  const std::span<const std::byte> view(bytes);
  return keep<std::vector<std::byte>>(view, std::move(bytes));
}

Bytes Bytes::slice(std::size_t offset, std::size_t count) const& {
  FLOW_CHECK(offset <= size_ && count <= size_ - offset, "slice outside of its bytes");
  if (keeper_ != nullptr) keeper_->shares.fetch_add(1, std::memory_order_relaxed);
  return {keeper_, {data_ + offset, count}};
}

Bytes Bytes::slice(std::size_t offset, std::size_t count) && {
  FLOW_CHECK(offset <= size_ && count <= size_ - offset, "slice outside of its bytes");
  Bytes part(std::move(*this));
  part.data_ += offset;
  part.size_ = count;
  return part;
}

}  // namespace flow
