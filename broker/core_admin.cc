#include <fmt/format.h>

#include <optional>
#include <utility>

#include "broker/core.h"

namespace flow::broker {
namespace {

constexpr Duration kWaitLimit = std::chrono::minutes(10);

std::optional<FlowState> parse_state(std::string_view name) {
  for (const FlowState state : {FlowState::kStarting, FlowState::kReady, FlowState::kDegraded,
                                FlowState::kDraining, FlowState::kDown}) {
    if (to_string(state) == name) return state;
  }
  return std::nullopt;
}

}  // namespace

void Core::on_admin(ConnectionId from, const wire::AdminRequest& request, Instant now) {
  wire::AdminReply reply;
  reply.id = request.id;
  if (request.command == "status") {
    reply.value = status(now);
  } else if (request.command == "wait") {
    add_waiter(from, request, now);
    return;
  } else if (request.command == "drain") {
    const Value* instance = request.arguments.find("instance");
    if (instance != nullptr && instance->if_string() != nullptr) {
      drain_instance(from, request, *instance->if_string(), now);
      return;
    }
    draining_ = true;
    dirty_ = true;
  } else {
    reply.code = Errc::kInvalidArgument;
    reply.message = fmt::format("the broker has no command '{}'; expected status, wait or drain",
                                request.command);
  }
  effects_.send(from, reply);
}

void Core::drain_instance(ConnectionId from, const wire::AdminRequest& request,
                          const std::string& name, Instant now) {
  wire::AdminReply reply;
  reply.id = request.id;
  const auto slot = slots_.find(name);
  const auto holder =
      slot == slots_.end() ? instances_.end() : instances_.find(slot->second.holder);
  if (holder == instances_.end() || holder->second.role != wire::Role::kWorker) {
    reply.code = Errc::kNotFound;
    reply.message =
        fmt::format("no worker '{}' runs; there are {}", name, known_slots(wire::Role::kWorker));
  } else {
    retire(holder->second, "it was asked to drain", now);
  }
  effects_.send(from, reply);
}

void Core::add_waiter(ConnectionId from, const wire::AdminRequest& request, Instant now) {
  const Value* wanted = request.arguments.find("state");
  const std::string* name = wanted == nullptr ? nullptr : wanted->if_string();
  const auto state = parse_state(name == nullptr ? "ready" : *name);
  wire::AdminReply reply;
  reply.id = request.id;
  if (!state) {
    reply.code = Errc::kInvalidArgument;
    reply.message = fmt::format(
        "no flow state '{}'; expected starting, ready, degraded, draining or down", *name);
    effects_.send(from, reply);
    return;
  }
  std::erase_if(waiters_, [from](const Waiter& waiter) { return waiter.connection == from; });
  if (waiters_.size() >= kMaxWaiters) {
    reply.code = Errc::kOverloaded;
    reply.message = fmt::format("{} others wait already", kMaxWaiters);
    effects_.send(from, reply);
    return;
  }
  waiters_.push_back({from, request.id, *state, now + kWaitLimit});
  answer_waiters(now);
}

void Core::answer_waiters(Instant now) {
  const auto waiters = std::exchange(waiters_, {});
  for (const Waiter& waiter : waiters) {
    const bool arrived = waiter.state == FlowState::kReady ? own_ready_ : waiter.state == state_;
    if (!arrived && now < waiter.until) {
      waiters_.push_back(waiter);
      continue;
    }
    wire::AdminReply reply;
    reply.id = waiter.request;
    reply.value.set("state", std::string(to_string(state_)));
    reply.value.set("reason", reason_);
    if (!arrived) {
      reply.code = Errc::kDeadlineExceeded;
      reply.message = fmt::format("the flow is {}: {}", to_string(state_), reason_);
    }
    effects_.send(waiter.connection, reply);
  }
}

}  // namespace flow::broker
