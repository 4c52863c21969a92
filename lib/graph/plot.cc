#include "graph/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

namespace flow::graph {
namespace {

// "pass-through", "vector-index, 2 shards x 3 replicas".
std::string describe(const Node& node) {
  std::string text = node.uses;
  if (node.shards > 1) {
    text += fmt::format(", {} shards x {} replica{}", node.shards, node.replicas,
                        node.replicas == 1 ? "" : "s");
  } else if (node.replicas > 1) {
    text += fmt::format(", {} replicas", node.replicas);
  }
  if (!node.replicate.empty())
    text += fmt::format(", {} to all replicas", fmt::join(node.replicate, " "));
  if (node.no_reduce) text += ", not reduced";
  if (node.when) text += ", filtered";
  if (node.floating) text += ", floating";
  return text;
}

// What an edge to the node says: "/search ALL, else ANY"; nothing without shards.
std::string polling_label(const Node& node) {
  if (node.polling.empty()) return {};
  constexpr std::size_t kNamed = 4;
  const Polling others = node.polling.back().second;
  std::vector<std::string> named;
  for (const auto& [endpoint, polling] : node.polling) {
    if (polling == others) continue;
    named.push_back(fmt::format("{} {}", endpoint, polling_word(polling)));
  }
  if (named.empty()) return std::string(polling_word(others));
  if (named.size() > kNamed) {
    named.resize(kNamed);
    named.emplace_back("...");
  }
  return fmt::format("{}, else {}", fmt::join(named, ", "), polling_word(others));
}

// An executor is framed when it is more than one node. Every node is of one frame at most.
bool opens_frame(const Graph& graph, const Node& node) {
  const std::size_t next = std::size_t{node.index.value} + 1;
  const bool first = node.index.value == 0 || graph.nodes()[next - 2].executor != node.executor;
  return first && next < graph.nodes().size() && graph.nodes()[next].executor == node.executor;
}

bool closes_frame(const Graph& graph, const Node& node) {
  const std::size_t next = std::size_t{node.index.value} + 1;
  const bool last = next == graph.nodes().size() || graph.nodes()[next].executor != node.executor;
  return last && next > 1 && graph.nodes()[next - 2].executor == node.executor;
}

std::string escape(std::string_view text, std::string_view quote, std::string_view backslash) {
  std::string out;
  for (const char c : text) {
    if (c == '"') {
      out += quote;
    } else if (c == '\\') {
      out += backslash;
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    }
  }
  return out;
}

std::string plot_dot(const FlowDecl& flow, const Graph& graph) {
  const auto quoted = [](std::string_view text) { return escape(text, "\\\"", "\\\\"); };
  std::string out = fmt::format("digraph \"{}\" {{\n", quoted(flow.name.value));
  out += "  rankdir=LR;\n  node [shape=box, style=rounded];\n";
  out += "  \"gateway in\" [label=\"gateway\", shape=ellipse];\n";
  out += "  \"gateway out\" [label=\"gateway\", shape=ellipse];\n";
  for (const Node& node : graph.nodes()) {
    const bool hanging = is_hanging(graph, node.index);
    if (opens_frame(graph, node)) {
      out += fmt::format("  subgraph \"cluster {0}\" {{ label=\"{0}\";\n",
                         quoted(executor_name(node)));
    }
    out += fmt::format("  \"{}\" [label=\"{}\\n{}{}\"{}];\n", quoted(node.name), quoted(node.name),
                       quoted(describe(node)), hanging ? "\\nhanging" : "",
                       hanging || node.floating ? ", style=\"rounded,dashed\"" : "");
    if (closes_frame(graph, node)) out += "  }\n";
  }
  if (graph.nodes().empty()) out += "  \"gateway in\" -> \"gateway out\";\n";
  for (const Node& node : graph.nodes()) {
    const std::string polling = polling_label(node);
    const std::string label =
        polling.empty() ? "" : fmt::format(" [label=\"{}\"]", quoted(polling));
    for (const NodeIndex need : node.needs) {
      const std::string from = need == kGatewayNode ? "gateway in" : graph[need].name;
      out += fmt::format("  \"{}\" -> \"{}\"{};\n", quoted(from), quoted(node.name), label);
    }
  }
  if (graph.sink() != kGatewayNode) {
    out += fmt::format("  \"{}\" -> \"gateway out\";\n", quoted(graph[graph.sink()].name));
  }
  return out + "}\n";
}

std::string plot_mermaid(const Graph& graph) {
  const auto quoted = [](std::string_view text) { return escape(text, "#quot;", "\\"); };
  std::string out = "flowchart LR\n  gateway_in([gateway])\n  gateway_out([gateway])\n";
  for (const Node& node : graph.nodes()) {
    const bool hanging = is_hanging(graph, node.index);
    if (opens_frame(graph, node)) {
      out += fmt::format("  subgraph e{}[\"{}\"]\n", node.executor, quoted(executor_name(node)));
    }
    out += fmt::format("  n{}[\"{}<br/>{}{}\"]\n", node.index.value, quoted(node.name),
                       quoted(describe(node)), hanging ? "<br/>hanging" : "");
    if (closes_frame(graph, node)) out += "  end\n";
    if (hanging || node.floating) {
      out += fmt::format("  style n{} stroke-dasharray: 5 5\n", node.index.value);
    }
  }
  if (graph.nodes().empty()) out += "  gateway_in --> gateway_out\n";
  for (const Node& node : graph.nodes()) {
    const std::string polling = polling_label(node);
    const std::string label = polling.empty() ? "" : fmt::format("|\"{}\"|", quoted(polling));
    for (const NodeIndex need : node.needs) {
      const std::string from = need == kGatewayNode ? "gateway_in" : fmt::format("n{}", need.value);
      out += fmt::format("  {} -->{} n{}\n", from, label, node.index.value);
    }
  }
  if (graph.sink() != kGatewayNode) {
    out += fmt::format("  n{} --> gateway_out\n", graph.sink().value);
  }
  return out;
}

std::string plot_text(const FlowDecl& flow, const Graph& graph) {
  const auto name_of = [&graph](NodeIndex index) {
    return index == kGatewayNode ? std::string("gateway") : graph[index].name;
  };
  std::size_t name_width = 7;
  std::size_t use_width = 0;
  for (const Node& node : graph.nodes()) {
    name_width = std::max(name_width, node.name.size());
    use_width = std::max(use_width, describe(node).size());
  }
  std::string out = fmt::format("flow {}\n", flow.name.value);
  if (graph.nodes().empty()) out += "  gateway  -> gateway\n";
  for (const NodeIndex index : graph.topological()) {
    const Node& node = graph[index];
    std::vector<std::string> from;
    for (const NodeIndex need : node.needs)
      from.push_back(name_of(need));
    std::vector<std::string> to;
    for (const NodeIndex successor : node.successors)
      to.push_back(name_of(successor));
    const std::string polling = polling_label(node);
    const std::string asked = polling.empty() ? "" : fmt::format(" ({})", polling);
    std::string target = to.empty() ? "" : fmt::format("  -> {}", fmt::join(to, ", "));
    if (is_hanging(graph, index)) target = "  (hanging: nobody gets its results)";
    fmt::format_to(std::back_inserter(out), "  {:<{}}  {:<{}}  <- {}{}{}\n", node.name, name_width,
                   describe(node), use_width, fmt::join(from, ", "), asked, target);
  }
  return out;
}

}  // namespace

std::string plot(const FlowDecl& flow, const Graph& graph, PlotFormat format) {
  switch (format) {
    case PlotFormat::kDot: return plot_dot(flow, graph);
    case PlotFormat::kMermaid: return plot_mermaid(graph);
    case PlotFormat::kText: return plot_text(flow, graph);
  }
  return {};
}

}  // namespace flow::graph
