#include "flow_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

#include "base/json.h"
#include "script.h"
#include "wire/document_json.h"

namespace flow::conformance {
namespace {

// Written as they are, with the meaning they have in a flow file.
constexpr std::array<std::string_view, 7> kPlainKeys = {
    "name", "needs", "shards", "replicas", "polling", "no_reduce", "floating"};

Error bad_flow(std::string message) {
  return Error{Errc::kInvalidArgument, std::move(message)};
}

bool is_plain(std::string_view key) {
  return std::ranges::find(kPlainKeys, key) != kPlainKeys.end();
}

bool is_true(const ValueMap& executor, std::string_view key) {
  const Value* value = executor.find(key);
  return value != nullptr && value->if_bool() != nullptr && *value->if_bool();
}

// A string of a flow file: its escapes are JSON's, and ${ would be a variable.
std::string toml_string(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) plain += '$';
    plain += text[i];
  }
  std::string out;
  append_json_string(out, plain);
  return out;
}

std::string toml_key(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string toml_value(const Value& value) {
  if (const std::string* text = value.if_string()) return toml_string(*text);
  std::string out;
  if (const ValueList* list = value.if_list()) {
    for (const Value& item : *list)
      out += (out.empty() ? "" : ", ") + toml_value(item);
    return "[" + out + "]";
  }
  if (const ValueMap* map = value.if_map()) {
    for (const auto& [key, item] : *map)
      out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", toml_key(key), toml_value(item));
    return "{ " + out + " }";
  }
  return to_json(value);
}

std::string head() {
  return fmt::format("[flow]\nname = \"{}\"\n", kFlowName);
}

std::string scripted_lines(const std::string& scripted, const Value& script) {
  return fmt::format("uses = {}\nwith = {{ script = {} }}\n", toml_string(scripted),
                     toml_string(to_json(script)));
}

Status check_executor(const Value& value, std::size_t number) {
  const ValueMap* executor = value.if_map();
  if (executor == nullptr) return bad_flow(fmt::format("executor {} is not an object", number));
  for (const auto& [key, item] : *executor) {
    const bool known =
        is_plain(key) || key == "when" || key == "join" || key == "plain" || key == "endpoints";
    if (!known) return bad_flow(fmt::format("executor {} has the unknown field '{}'", number, key));
    if (is_plain(key) && item.is_null()) {
      return bad_flow(fmt::format("'{}' of executor {} is null", key, number));
    }
  }
  const Value* name = executor->find("name");
  if (name == nullptr || name->if_string() == nullptr) {
    return bad_flow(fmt::format("executor {} has no name", number));
  }
  const Value* script = executor->find("endpoints");
  const bool passes = is_true(*executor, "join") || is_true(*executor, "plain");
  if (passes && script != nullptr) {
    return bad_flow(
        fmt::format("executor '{}' passes through, but has endpoints", *name->if_string()));
  }
  if (passes) return {};
  if (script == nullptr) {
    return bad_flow(fmt::format("executor '{}' has no endpoints", *name->if_string()));
  }
  const Result<Script> parsed = parse_script(*script);
  if (parsed) return {};
  return bad_flow(fmt::format("executor '{}': {}", *name->if_string(), parsed.error().message));
}

}  // namespace

Status check_executors(const ValueList& executors) {
  for (std::size_t i = 0; i < executors.size(); ++i) {
    if (Status checked = check_executor(executors[i], i + 1); !checked) return checked;
  }
  return {};
}

std::string flow_text(const ValueList& executors, const std::string& scripted) {
  std::string out = head();
  for (const Value& value : executors) {
    const ValueMap& executor = *value.if_map();
    out += "\n[[executor]]\n";
    for (const auto& [key, item] : executor) {
      if (is_plain(key)) out += fmt::format("{} = {}\n", key, toml_value(item));
    }
    if (const Value* when = executor.find("when")) {
      out += fmt::format("when = {}\n", toml_string(to_json(*when)));
    }
    if (const Value* script = executor.find("endpoints")) out += scripted_lines(scripted, *script);
  }
  return out;
}

std::string filter_flow_text(const Value& filter) {
  return fmt::format("{}\n[[executor]]\nname = \"filtered\"\nwhen = {}\n", head(),
                     toml_string(to_json(filter)));
}

std::string reduce_flow_text(const std::vector<wire::DocumentList>& arrays,
                             const std::string& scripted) {
  std::string out = head();
  std::string needs;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    std::string documents;
    for (const wire::Document& document : arrays[i])
      documents += (documents.empty() ? "" : ",") + wire::to_json(document);
    const std::string script =
        fmt::format("{{\"/default\":[{{\"op\":\"return\",\"docs\":[{}]}}]}}", documents);
    fmt::format_to(std::back_inserter(out),
                   "\n[[executor]]\nname = \"b{}\"\nneeds = \"gateway\"\nuses = {}\n"
                   "with = {{ script = {} }}\n",
                   i, toml_string(scripted), toml_string(script));
    needs += fmt::format("{}\"b{}\"", needs.empty() ? "" : ", ", i);
  }
  if (arrays.empty()) return out;
  return out + fmt::format("\n[[executor]]\nname = \"joined\"\nneeds = [{}]\n", needs);
}

}  // namespace flow::conformance
