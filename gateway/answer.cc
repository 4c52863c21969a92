#include "gateway/answer.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include "route/id_index.h"
#include "wire/document_list.h"
#include "wire/document_select.h"

namespace flow::gateway {

void add_missing(const route::Planner& planner, const route::Choices& choices,
                 wire::PartHeader& header) {
  for (std::uint16_t n = 0; n < header.plan.size(); ++n) {
    const wire::PlanEntry& entry = header.plan[n];
    const std::uint16_t shards = planner.topology()->nodes[n].shards;
    const bool partial = entry.polling == wire::Polling::kAll && entry.parts < shards;
    if (entry.target == 0 || !partial || !planner.shape().answers[n]) continue;
    const std::span<const route::Choice> members = choices.of(NodeIndex{n});
    for (std::uint16_t shard = 0; shard < shards; ++shard) {
      if (std::ranges::find(members, shard, &route::Choice::shard) == members.end())
        header.missing.push_back({n, shard});
    }
  }
}

void HopNames::name(const Who& who, const wire::TopologyNode& node,
                    const route::Planner::Target* target) {
  if (count_ == written_.size()) {
    named_.emplace_back();
    written_.emplace_back();
  }
  written_[count_] = who;
  wire::ResponseHop& one = named_[count_];
  one.executor = node.executor();
  one.instance = target != nullptr ? target->name : one.executor;
}

void HopNames::cut() {
  named_.resize(count_);
  written_.resize(count_);
}

void HopNames::forget() {
  std::ranges::fill(written_, Who());
}

void name_missing(const wire::Topology& topology, const wire::PartHeader& header,
                  std::vector<wire::MissingShard>& named) {
  for (const wire::MissingPart& part : header.missing) {
    if (part.node >= topology.nodes.size()) continue;
    named.push_back({std::string(topology.nodes[part.node].executor()), part.shard});
  }
  named.insert(named.end(), header.missing_elsewhere.begin(), header.missing_elsewhere.end());
}

void sort_like(const Bytes& request, Bytes& answer) {
  if (wire::DocumentList::count(answer).value_or(0) < 2) return;
  std::vector<std::string_view> asked;
  std::vector<std::string_view> answered;
  if (!wire::read_ids(request, asked) || !wire::read_ids(answer, answered)) return;
  const route::IdIndex<std::vector<std::string_view>, route::Repeated::kFirst> index(asked,
                                                                                     asked.size());
  std::vector<std::size_t> ranks;
  ranks.reserve(answered.size());
  for (const std::string_view id : answered)
    ranks.push_back(std::min(index.find(id), asked.size()));
  if (std::ranges::is_sorted(ranks)) return;
  std::vector<std::size_t> order(ranks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return ranks[i]; });
  answer = wire::reorder_documents(answer, order);
}

}  // namespace flow::gateway
