#include "wire/part.h"

#include <fmt/format.h>
#include <schemas/part_generated.h>

#include <cstddef>

#include "wire/message_internal.h"
#include "wire/usual_table_internal.h"

namespace flow::wire {
namespace {

using internal::BufferReader;
using internal::TableReader;

// The structs that are copied as they are.
static_assert(sizeof(PlanEntry) == 8 && offsetof(PlanEntry, target) == 0 &&
              offsetof(PlanEntry, mode) == 4 && offsetof(PlanEntry, polling) == 5 &&
              offsetof(PlanEntry, parts) == 6);
static_assert(sizeof(Hop) == 24 && offsetof(Hop, instance) == 0 && offsetof(Hop, node) == 4 &&
              offsetof(Hop, queue_us) == 8 && offsetof(Hop, execute_us) == 12 &&
              offsetof(Hop, reduce_us) == 16 && offsetof(Hop, wire_us) == 20);
static_assert(sizeof(Progress) == 16 && offsetof(Progress, sequence) == 0 &&
              offsetof(Progress, attempt) == 8 && offsetof(Progress, finished) == 10 &&
              offsetof(Progress, service_us) == 12);
static_assert(sizeof(Trace) == sizeof(fbs::Trace) && alignof(Trace) == alignof(fbs::Trace));

static_assert(sizeof(MissingPart) == sizeof(fbs::MissingPart) && offsetof(MissingPart, node) == 0 &&
              offsetof(MissingPart, shard) == 2);

constexpr std::size_t kMaxProgress = kMaxHeader / sizeof(Progress);

fbs::Route pack_route(const PartHeader& header) {
  return {header.request.sequence,
          header.topology_version,
          to_us(header.remaining),
          header.sent_at.time_since_epoch().count(),
          header.request.gateway.value,
          header.sent_on_host,
          header.attempt,
          header.source.value,
          header.source_shard,
          header.source_replica};
}

// Parts have a hop of each node behind them, those of the gateway none.
template <bool kHops>
inline auto pack(const PartHeader& header) {
  using fbs::Part;
  return std::tuple(
      internal::made<Part::VT_ROUTE, pack_route>(header),
      internal::number<Part::VT_WRITTEN_NS>(header.written_ns),
      rare(internal::structure<Part::VT_TRACE>(header.trace, header.trace != Trace{})),
      internal::text<Part::VT_ENDPOINT>(header.endpoint),
      internal::elements<Part::VT_PLAN>(header.plan),
      internal::rare_if<!kHops>(internal::elements<Part::VT_HOPS>(header.hops)),
      rare(internal::elements<Part::VT_PARAMETERS>(header.parameters)),
      rare(internal::table<Part::VT_FAILURE>(header.failure.get(), internal::failure_fields)),
      rare(internal::elements<Part::VT_RESULTS>(header.results)),
      rare(internal::elements<Part::VT_MISSING>(header.missing)),
      rare(internal::tables<Part::VT_MISSING_ELSEWHERE>(header.missing_elsewhere,
                                                        internal::shard_fields)));
}
template <bool kHops>
using PartShape = internal::TableShape<decltype(pack<kHops>(std::declval<const PartHeader&>()))>;

template <typename Table>
void unpack_route(const Table& part, PartHeader& header) {
  fbs::Route route;
  if (!part.structure(fbs::Part::VT_ROUTE, route)) {
    part.fail(fbs::Part::VT_ROUTE, "is missing");
    return;
  }
  const NodeIndex source{route.source_node()};
  if (source.value >= internal::kMaxNodes && source != kGatewayNode) [[unlikely]] {
    part.fail(fbs::Part::VT_ROUTE, fmt::format("comes from node {}, at most {} are allowed",
                                               source.value, internal::kMaxNodes));
  }
  header.request = {.gateway = {route.gateway()}, .sequence = route.sequence()};
  header.attempt = route.attempt();
  header.topology_version = route.topology_version();
  header.remaining = internal::checked_duration(part, fbs::Part::VT_ROUTE, route.remaining_us(),
                                                -internal::kMaxMicros);
  header.sent_at = Instant(Duration(route.sent_at_ns()));
  header.sent_on_host = route.sent_on_host();
  header.source = source;
  header.source_shard = route.source_shard();
  header.source_replica = route.source_replica();
}

template <typename Table>
void unpack_plan(const Table& part, std::vector<PlanEntry>& plan) {
  part.copy_to(fbs::Part::VT_PLAN, plan, internal::kMaxNodes);
  for (const PlanEntry& entry : plan) {
    if (entry.mode > PlanMode::kLeftOut || entry.polling > Polling::kHash) [[unlikely]] {
      part.fail(fbs::Part::VT_PLAN,
                fmt::format("has mode {} and polling {} for node {}, at most {} and {} are known",
                            static_cast<int>(entry.mode), static_cast<int>(entry.polling),
                            &entry - plan.data(), static_cast<int>(PlanMode::kLeftOut),
                            static_cast<int>(Polling::kHash)));
      return;
    }
  }
}

template <typename Table>
void unpack_hops(const Table& part, std::vector<Hop>& hops) {
  part.copy_to(fbs::Part::VT_HOPS, hops, internal::kMaxHops);
  for (const Hop& hop : hops) {
    if (hop.node >= internal::kMaxNodes) [[unlikely]] {
      part.fail(fbs::Part::VT_HOPS,
                fmt::format("name node {}, at most {} are allowed", hop.node, internal::kMaxNodes));
      return;
    }
  }
}

template <typename Table>
void unpack_part(const Table& part, PartHeader& header) {
  using fbs::Part;
  unpack_route(part, header);
  part.copy_to(Part::VT_ENDPOINT, header.endpoint, internal::kMaxEndpoint);
  unpack_plan(part, header.plan);
  unpack_hops(part, header.hops);
  part.copy_to(Part::VT_PARAMETERS, header.parameters, kMaxParameters);
  internal::unpack_failure(part, Part::VT_FAILURE, header.failure);
  if (!part.structure(Part::VT_TRACE, header.trace)) header.trace = {};
  part.copy_to(Part::VT_RESULTS, header.results, kMaxHeader);
  part.copy_to(Part::VT_MISSING, header.missing, internal::kMaxMissing);
  internal::unpack_shards(part, Part::VT_MISSING_ELSEWHERE, header.missing_elsewhere);
  part.copy_to(Part::VT_WRITTEN_NS, header.written_ns);
}

void unpack_report(const TableReader& table, Report& report) {
  using fbs::Report;
  report.instance.value = table.scalar<std::uint32_t>(Report::VT_INSTANCE);
  table.copy_to(Report::VT_PROGRESS, report.progress, kMaxProgress);
  for (const Progress& progress : report.progress) {
    if (progress.finished > 1) {
      table.fail(Report::VT_PROGRESS, fmt::format("of request {} is {}, at most 1 is known",
                                                  progress.sequence, progress.finished));
      break;
    }
  }
  report.queue = table.scalar<std::uint32_t>(Report::VT_QUEUE);
  report.window = table.scalar<std::uint32_t>(Report::VT_WINDOW);
  report.executing = internal::unpack_duration(table, Report::VT_EXECUTING_US);
  report.dropped = table.scalar<std::uint64_t>(Report::VT_DROPPED);
}

}  // namespace

struct PartEncoder::State {
  internal::MessageWriter message;
};

PartEncoder::PartEncoder() : state_(std::make_unique<State>()) {}
PartEncoder::~PartEncoder() = default;

Frames PartEncoder::encode(const PartHeader& header, const Bytes& payload) {
  internal::MessageWriter& message = state_->message;
  if (header.hops.empty()) {
    return message.write(Kind::kPart, header.target, &payload,
                         [&header] { return pack<false>(header); });
  }
  return message.write(Kind::kPart, header.target, &payload,
                       [&header] { return pack<true>(header); });
}

Status decode_part(Received&& received, Part& part) {
  internal::Layout layout;
  if (Status read = internal::read_layout(received, Kind::kPart, layout); !read) return read;
  BufferReader reader(layout.header, "Part");
  part.header.target = layout.target;
  internal::read_usual_root<PartShape<true>, PartShape<false>>(
      reader, fbs::PartTypeTable, [&part](const auto& table) { unpack_part(table, part.header); });
  if (!reader.ok()) return std::move(reader).status();
  internal::take_payload(received, layout, part.payload);
  return {};
}

Bytes encode_report(const Report& report) {
  using fbs::Report;
  internal::MessageWriter message;
  const Frames frames = message.write(Kind::kReport, 0, nullptr, [&report] {
    return std::tuple(
        internal::number<Report::VT_EXECUTING_US>(internal::pack_duration(report.executing)),
        internal::number<Report::VT_DROPPED>(report.dropped),
        internal::number<Report::VT_INSTANCE>(report.instance.value),
        internal::elements<Report::VT_PROGRESS>(report.progress),
        internal::number<Report::VT_QUEUE>(report.queue),
        internal::number<Report::VT_WINDOW>(report.window));
  });
  return Bytes::copy_of(frames.head);
}

Status decode_report(const Received& received, Report& report) {
  internal::Layout layout;
  if (Status read = internal::read_bare_layout(received, Kind::kReport, layout); !read) return read;
  BufferReader reader(layout.header, "Report");
  unpack_report(TableReader::root(reader, fbs::ReportTypeTable), report);
  return std::move(reader).status();
}

}  // namespace flow::wire
