#include "bench/micro/samples.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace flow::bench {
namespace {

wire::Document document(std::size_t id, std::size_t text_size) {
  wire::DocumentFields fields;
  fields.id = fmt::format("document-{}", id);
  fields.text = std::string(text_size, 'x');
  return wire::Document(std::move(fields));
}

wire::DocumentList reopened(const wire::DocumentList& list) {
  return std::move(*wire::DocumentList::open(list.encode()));
}

}  // namespace

wire::DocumentList encoded_documents(std::size_t count, std::size_t text_size,
                                     std::size_t first_id) {
  wire::DocumentList list;
  for (std::size_t i = 0; i < count; ++i)
    list.push_back(document(first_id + i, text_size));
  return reopened(list);
}

wire::DocumentList scored_documents(std::size_t count, std::size_t text_size,
                                    std::string_view score) {
  wire::DocumentList list;
  for (std::size_t i = 0; i < count; ++i) {
    list.push_back(document(i, text_size));
    list[i].set_score(score, 0.5);
  }
  return reopened(list);
}

wire::DocumentList tagged_documents(std::size_t count, std::size_t text_size) {
  wire::DocumentList list;
  for (std::size_t i = 0; i < count; ++i) {
    list.push_back(document(i, text_size));
    list[i].set_tag("lang", i % 2 == 0 ? "en" : "de");
  }
  return reopened(list);
}

wire::PartHeader chain_header() {
  wire::PartHeader header;
  header.target = 3;
  header.request = {InstanceId{2}, 65536};
  header.topology_version = 7;
  header.remaining = std::chrono::seconds(29);
  header.sent_at = Instant(std::chrono::seconds(1000));
  header.sent_on_host = 12345;
  header.source = NodeIndex{0};
  header.endpoint = "/search";
  header.plan = {{3, wire::PlanMode::kRun, wire::Polling::kAny, 1},
                 {4, wire::PlanMode::kRun, wire::Polling::kAny, 1}};
  header.hops = {{3, 0, 0, 10, 20, 0, 30}, {4, 1, 0, 10, 20, 0, 30}};
  return header;
}

wire::Topology two_shards() {
  wire::Topology topology;
  topology.nodes.emplace_back().name = "index";
  topology.nodes[0].shards = 2;
  return topology;
}

route::PartPointer part_of_shard(std::uint16_t shard, Bytes documents) {
  auto part = std::make_unique<wire::Part>();
  part->header = chain_header();
  part->header.source_shard = shard;
  part->header.plan = {{3, wire::PlanMode::kRun, wire::Polling::kAll, 2}};
  part->payload = std::move(documents);
  return part;
}

ValueMap parameters() {
  return {{"top", 10},
          {"metric", "cosine"},
          {"threshold", 0.25},
          {"exact", true},
          {"language", "en"},
          {"page", 3},
          {"session", "0123456789abcdef"},
          {"fields", ValueList{"title", "text", "section"}}};
}

Received deliver(const Frames& frames) {
  std::vector<std::byte> first(frames.head.begin(), frames.head.end());
  first.insert(first.end(), frames.tail.begin(), frames.tail.end());
  Received received;
  received.first = Bytes::copy_of(first);
  if (!frames.payloads.empty()) {
    received.second = Bytes::copy_of(frames.payloads.front().span());
    received.frames = 2;
  }
  return received;
}

}  // namespace flow::bench
