#include "route/split.h"

#include <xxhash.h>

#include "wire/document_select.h"

namespace flow::route {

std::uint16_t shard_of(std::string_view id, std::size_t shards) {
  return static_cast<std::uint16_t>(XXH3_64bits(id.data(), id.size()) % shards);
}

Status Split::deal(const Bytes& payload, std::size_t shards) {
  ids_.clear();
  Status read = wire::read_ids(payload, ids_);
  if (!read) {
    share(payload, shards);
    return read;
  }
  shards_.clear();
  for (const std::string_view id : ids_)
    shards_.push_back(shard_of(id, shards));
  parts_.resize(shards);
  wire::deal_documents(payload, shards_, parts_);
  return {};
}

}  // namespace flow::route
