#include "route/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/units.h"
#include "route/id_index.h"
#include "route/missing.h"
#include "route/reduce.h"
#include "wire/document_select.h"
#include "wire/value_codec.h"

namespace flow::route {
namespace {

using wire::DocumentList;
using wire::MissingPart;

// The parts of one need among all parts.
struct Group {
  NodeIndex need;
  std::size_t begin = 0;
  std::size_t end = 0;
};

Group group_at(std::span<const PartPointer> parts, std::size_t begin) {
  Group group{parts[begin]->header.source, begin, begin};
  while (group.end < parts.size() && parts[group.end]->header.source == group.need)
    ++group.end;
  return group;
}

void add_hops(std::vector<wire::Hop>& hops, std::span<const wire::Hop> more) {
  const std::size_t own = hops.size();
  for (const wire::Hop& hop : more) {
    if (hops.size() >= kMaxHops) return;
    const auto end = hops.begin() + static_cast<std::ptrdiff_t>(own);
    const bool seen = std::any_of(hops.begin(), end, [&hop](const wire::Hop& other) {
      return other.instance == hop.instance && other.node == hop.node;
    });
    if (!seen) hops.push_back(hop);
  }
}

void add_missing(std::vector<MissingPart>& missing, std::span<const MissingPart> more) {
  if (more.empty()) return;
  missing.insert(missing.end(), more.begin(), more.end());
  std::ranges::sort(missing);
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
}

bool answers_in_part(const wire::PartHeader& header, const wire::Topology& topology) {
  const std::size_t node = header.source.value;
  return node < topology.nodes.size() && node < header.plan.size() &&
         topology.nodes[node].allow_partial && header.plan[node].polling == wire::Polling::kAll;
}

// The shards of a need without a part that succeeded.
std::vector<MissingPart> missing_of(std::span<const PartPointer> parts,
                                    const wire::Topology& topology) {
  const NodeIndex need = parts.front()->header.source;
  std::vector<MissingPart> missing;
  for (std::uint16_t shard = 0; shard < topology.nodes[need.value].shards; ++shard) {
    const bool answered = std::ranges::any_of(parts, [shard](const PartPointer& part) {
      return part->header.source_shard == shard && part->header.failure == nullptr;
    });
    if (!answered) missing.push_back({need.value, shard});
  }
  return missing;
}

// Removes the failed shards of needs that answer with what there is.
std::vector<MissingPart> leave_out_failed(std::vector<PartPointer>& parts,
                                          const wire::Topology& topology) {
  std::vector<MissingPart> missing;
  for (std::size_t i = 0; i < parts.size();) {
    const Group group = group_at(parts, i);
    const std::span members(parts.data() + group.begin, group.end - group.begin);
    const auto failed = [](const PartPointer& part) { return part->header.failure != nullptr; };
    i = group.end;
    if (!answers_in_part(members.front()->header, topology)) continue;
    if (std::ranges::all_of(members, failed)) continue;
    add_missing(missing, missing_of(members, topology));
    const auto begin = parts.begin() + static_cast<std::ptrdiff_t>(group.begin);
    const auto end = parts.begin() + static_cast<std::ptrdiff_t>(group.end);
    const auto left = std::remove_if(begin, end, failed);
    i -= static_cast<std::size_t>(end - left);
    parts.erase(left, end);
  }
  return missing;
}

// Replicas of a shard did the same: the lowest speaks for them.
void keep_one_a_shard(std::vector<PartPointer>& parts) {
  const auto same = [](const PartPointer& a, const PartPointer& b) {
    return a->header.source == b->header.source && a->header.source != kGatewayNode &&
           a->header.source_shard == b->header.source_shard;
  };
  parts.erase(std::unique(parts.begin(), parts.end(), same), parts.end());
}

bool keeps_shards_apart(const wire::Topology& topology, NodeIndex need) {
  return need.value < topology.nodes.size() && topology.nodes[need.value].no_reduce;
}

DocumentList concatenate(std::vector<DocumentList> lists) {
  DocumentList all = std::move(lists.front());
  for (std::size_t i = 1; i < lists.size(); ++i) {
    for (wire::Document& document : lists[i])
      all.push_back(std::move(document));
  }
  return all;
}

DocumentList merge(std::vector<DocumentList> lists, bool reduced) {
  if (lists.size() == 1) return std::move(lists.front());
  return reduced ? reduce_all(std::move(lists)) : concatenate(std::move(lists));
}

// Whether reducing leaves the documents of this part alone when all other parts have none: those of
// a right side are merged with one another where ids repeat.
bool stays(std::span<const PartPointer> parts, std::size_t index, const wire::Topology& topology,
           Form form) {
  const wire::Part& part = *parts[index];
  if (wire::DocumentList::count(part.payload).value_or(2) <= 1) return true;
  const NodeIndex need = part.header.source;
  const bool first_need = parts.front()->header.source == need;
  const bool first_shard = index == 0 || parts[index - 1]->header.source != need;
  return (first_need || form == Form::kConcatenated) &&
         (first_shard || keeps_shards_apart(topology, need));
}

// The payload that alone is the outcome, untouched.
std::optional<Bytes> only_payload(std::span<const PartPointer> parts,
                                  const wire::Topology& topology, Form form) {
  std::optional<std::size_t> only;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i]->payload.empty()) continue;
    if (only) return std::nullopt;
    only = i;
  }
  if (!only) return Bytes();
  if (!stays(parts, *only, topology, form)) return std::nullopt;
  return parts[*only]->payload;
}

// One list of all payloads where merging them changes no document: none is there twice. Nothing
// when one is, when a payload cannot be read, or when the list has more than `limit` bytes.
std::optional<Bytes> concatenate_unopened(std::span<const PartPointer> parts, std::size_t limit) {
  std::vector<Bytes> lists;
  std::vector<std::string_view> ids;
  std::size_t size = 0;
  for (const PartPointer& part : parts) {
    if (part->payload.empty()) continue;
    if (!wire::read_ids(part->payload, ids)) return std::nullopt;
    size += part->payload.size();
    lists.push_back(part->payload);
  }
  if (size > limit || ids.empty() || ids.size() > wire::kMaxDocuments || repeats_ids(ids))
    return std::nullopt;
  if (lists.size() == 1) return std::move(lists.front());
  Bytes all = wire::concatenate_documents(lists);
  return all.size() > limit ? std::nullopt : std::optional(std::move(all));
}

// Comparing costs less than opening only where documents are small.
constexpr std::size_t kComparedUpTo = 4096;

// The payload that all parts have, where merging it with itself changes nothing: each of its
// documents has an id of its own, and none has chunks or matches. Shards that have nothing to say
// about a request's documents send them as they came.
std::optional<Bytes> same_payload(std::span<const PartPointer> parts,
                                  const wire::Topology& topology) {
  const Bytes& first = parts.front()->payload;
  const std::size_t count = wire::DocumentList::count(first).value_or(0);
  if (first.size() > count * kComparedUpTo) return std::nullopt;
  const auto other = [&first](const PartPointer& part) { return part->payload != first; };
  const auto apart = [&topology](const PartPointer& part) {
    return keeps_shards_apart(topology, part->header.source);
  };
  if (std::ranges::any_of(parts, apart) || std::ranges::any_of(parts.subspan(1), other))
    return std::nullopt;
  std::vector<std::string_view> ids;
  if (!wire::read_ids(first, ids) || repeats_ids(ids) || !wire::all_flat(first))
    return std::nullopt;
  if (std::ranges::any_of(ids, &std::string_view::empty)) return std::nullopt;
  return first;
}

bool is_one_list(Form form) {
  return form == Form::kReduced || form == Form::kConcatenated;
}

Status drop_filtered(DocumentList& documents, const Filter& filter) {
  DocumentList passed;
  for (wire::Document& document : documents) {
    const Result<bool> passes = filter.passes(document);
    if (!passes) return passes.error();
    if (*passes) passed.push_back(std::move(document));
  }
  documents = std::move(passed);
  return {};
}

bool filters_any(std::span<const PartPointer> parts) {
  return std::ranges::any_of(parts, [](const PartPointer& part) {
    return filtered_where_gathered(part->header.source, part->header.plan);
  });
}

Result<std::vector<Piece>> open_pieces(std::span<const PartPointer> parts,
                                       const wire::Topology& topology, Form form,
                                       const Filter* filter) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < parts.size();) {
    Group group = group_at(parts, i);
    if (form == Form::kPerShard) group.end = i + 1;
    const std::string_view name = need_name(topology, group.need);
    const std::vector<wire::PlanEntry>& plan = parts[group.begin]->header.plan;
    std::vector<DocumentList> shards;
    for (; i < group.end; ++i) {
      Result<DocumentList> opened = DocumentList::open(parts[i]->payload);
      if (!opened) {
        return Error{opened.error().code,
                     fmt::format("documents from {}: {}", name, opened.error().message)};
      }
      shards.push_back(*std::move(opened));
    }
    DocumentList merged = merge(std::move(shards), !keeps_shards_apart(topology, group.need));
    if (filter != nullptr && filtered_where_gathered(group.need, plan)) {
      if (Status judged = drop_filtered(merged, *filter); !judged) return std::move(judged).error();
    }
    pieces.push_back({name, std::move(merged)});
  }
  return pieces;
}

}  // namespace

std::string_view need_name(const wire::Topology& topology, NodeIndex need) {
  if (need.value >= topology.nodes.size()) return "gateway";
  return topology.nodes[need.value].executor();
}

Status unite_results(Bytes& results, const Bytes& more) {
  if (more.empty()) return {};
  Bytes united = more;
  if (!results.empty()) {
    Result<ValueMap> left = wire::decode_value(results.span());
    if (!left) return std::move(left).error();
    Result<ValueMap> right = wire::decode_value(more.span());
    if (!right) return std::move(right).error();
    for (auto& [key, value] : *right) {
      if (left->find(key) == nullptr) left->set(key, std::move(value));
    }
    united = wire::encode_value(*left);
  }
  if (united.size() > kMaxResults) {
    return Error{Errc::kTooLarge,
                 fmt::format("dictionary results of {}, at most {} are allowed",
                             format_size(united.size()), format_size(kMaxResults))};
  }
  results = std::move(united);
  return {};
}

Status merge_headers(std::vector<PartPointer>& parts, const wire::Topology& topology) {
  std::vector<wire::Hop> hops = std::move(parts.front()->header.hops);
  std::vector<MissingPart> missing = std::move(parts.front()->header.missing);
  std::vector<wire::MissingShard> elsewhere = std::move(parts.front()->header.missing_elsewhere);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    add_hops(hops, parts[i]->header.hops);
    add_missing(missing, parts[i]->header.missing);
    add_missing_elsewhere(elsewhere, parts[i]->header.missing_elsewhere);
  }
  add_missing(missing, leave_out_failed(parts, topology));
  wire::Part& first = *parts.front();
  first.header.hops = std::move(hops);
  first.header.missing = std::move(missing);
  first.header.missing_elsewhere = std::move(elsewhere);
  const auto failed = std::ranges::find_if(
      parts, [](const PartPointer& part) { return part->header.failure != nullptr; });
  if (failed != parts.end() && failed != parts.begin()) {
    first.header.failure = std::move((*failed)->header.failure);
    first.payload = std::move((*failed)->payload);
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (Status united = unite_results(first.header.results, parts[i]->header.results); !united)
      return united;
  }
  keep_one_a_shard(parts);
  return {};
}

bool may_miss_shards(const wire::PartHeader& header, const wire::Topology& topology) {
  return header.failure == nullptr && answers_in_part(header, topology);
}

Form form_for(const wire::TopologyNode& node, bool runs, bool wants_matrix) {
  if (!runs) return node.no_reduce ? Form::kConcatenated : Form::kReduced;
  if (node.takes_parts && node.needs.size() == 1) return Form::kPerShard;
  if (node.takes_parts || node.no_reduce || wants_matrix) return Form::kPerNeed;
  return Form::kReduced;
}

bool filtered_where_gathered(NodeIndex need, std::span<const wire::PlanEntry> plan) {
  if (need.value >= plan.size() || plan[need.value].parts <= 1) return false;
  const wire::Polling polling = plan[need.value].polling;
  return polling == wire::Polling::kAll || polling == wire::Polling::kHash;
}

Result<MergedDocuments> merge_documents(std::span<const PartPointer> parts,
                                        const wire::Topology& topology, Form form,
                                        const Filter* filter) {
  if (filter != nullptr && !filters_any(parts)) filter = nullptr;
  if (is_one_list(form) && filter == nullptr) {
    if (std::optional<Bytes> only = only_payload(parts, topology, form))
      return MergedDocuments(*std::move(only));
  }
  Result<std::vector<Piece>> pieces = open_pieces(parts, topology, form, filter);
  if (!pieces) return std::move(pieces).error();
  if (!is_one_list(form)) return MergedDocuments(*std::move(pieces));
  std::vector<DocumentList> lists;
  for (Piece& piece : *pieces)
    lists.push_back(std::move(piece.documents));
  return MergedDocuments(merge(std::move(lists), form == Form::kReduced));
}

Result<Bytes> merge_payload(std::span<const PartPointer> parts, const wire::Topology& topology,
                            Form form, std::size_t limit, const Filter* filter) {
  if (is_one_list(form) && (filter == nullptr || !filters_any(parts))) {
    if (std::optional<Bytes> only = only_payload(parts, topology, form)) return *std::move(only);
    if (form == Form::kReduced) {
      if (std::optional<Bytes> same = same_payload(parts, topology)) return *std::move(same);
    }
    if (std::optional<Bytes> all = concatenate_unopened(parts, limit)) return *std::move(all);
  }
  Result<MergedDocuments> merged = merge_documents(parts, topology, form, filter);
  if (!merged) return std::move(merged).error();
  if (auto* untouched = std::get_if<Bytes>(&*merged)) return std::move(*untouched);
  const auto* list = std::get_if<DocumentList>(&*merged);
  if (list == nullptr) return Error{Errc::kInternal, "the parts make no single list"};
  if (list->empty()) return Bytes();
  if (list->size() > wire::kMaxDocuments) {
    return Error{Errc::kTooLarge, fmt::format("{} documents, at most {} are allowed", list->size(),
                                              wire::kMaxDocuments)};
  }
  const std::size_t size = list->estimated_size();
  if (size / 2 > limit) {
    return Error{Errc::kTooLarge, fmt::format("documents of about {}, at most {} are allowed",
                                              format_size(size), format_size(limit))};
  }
  Bytes payload = list->encode();
  if (payload.size() > limit) {
    return Error{Errc::kTooLarge, fmt::format("documents of {}, at most {} are allowed",
                                              format_size(payload.size()), format_size(limit))};
  }
  return payload;
}

}  // namespace flow::route
