#include "base/bytes.h"

namespace flow {
namespace {

using Owner = std::shared_ptr<const void>;

const Bytes::Ops kSharedOps = {
    .copy = [](const void* from, void* to) { new (to) Owner(*static_cast<const Owner*>(from)); },
    .destroy = [](void* owner) noexcept { static_cast<Owner*>(owner)->~Owner(); },
};

}  // namespace

Bytes Bytes::share(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) {
  static_assert(sizeof(Owner) <= kInlineOwner);
  return wrap(kSharedOps, bytes, [&](void* storage) { new (storage) Owner(std::move(owner)); });
}

Bytes Bytes::copy_of(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  std::shared_ptr<std::byte[]> buffer(new std::byte[bytes.size()]);
  std::memcpy(buffer.get(), bytes.data(), bytes.size());
  const std::byte* data = buffer.get();
  return share(std::move(buffer), {data, bytes.size()});
}

Bytes Bytes::copy_of(std::string_view text) {
  return copy_of(std::as_bytes(std::span(text)));
}

Bytes Bytes::take(std::vector<std::byte> bytes) {
  if (bytes.empty()) return {};
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::span<const std::byte> view(*owner);
  return share(std::move(owner), view);
}

Bytes Bytes::slice(std::size_t offset, std::size_t count) const& {
  Bytes part(*this);
  part.narrow(offset, count);
  return part;
}

Bytes Bytes::slice(std::size_t offset, std::size_t count) && {
  narrow(offset, count);
  return std::move(*this);
}

}  // namespace flow
