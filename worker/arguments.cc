#include "arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/address.h"
#include "base/json.h"
#include "base/text.h"

namespace flow::worker {
namespace {

struct Option {
  std::string_view name;
  std::string Arguments::*text = nullptr;  // takes a value
  bool Arguments::*flag = nullptr;
};

constexpr std::array<Option, 11> kOptions = {{
    {"--broker", &Arguments::broker, nullptr},
    {"--name", &Arguments::name, nullptr},
    {"--run-dir", &Arguments::run_dir, nullptr},
    {"--uses", &Arguments::uses, nullptr},
    {"--listen", &Arguments::listen, nullptr},
    {"--with", &Arguments::with_text, nullptr},
    {"--workspace", &Arguments::workspace, nullptr},
    {"--insecure", nullptr, &Arguments::insecure},
    {"--check-config", nullptr, &Arguments::check_config},
    {"--version", nullptr, &Arguments::version},
    {"--help", nullptr, &Arguments::help},
}};

const Option* find_option(std::string_view name) {
  for (const Option& option : kOptions) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

Error wrong(std::string message) {
  return Error{Errc::kInvalidArgument, std::move(message)};
}

Error unknown_option(std::string_view name) {
  std::array<std::string_view, kOptions.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i)
    names[i] = kOptions[i].name;
  const auto meant = did_you_mean(name, names);
  return wrong(meant ? fmt::format("unknown option '{}'; did you mean '{}'?", name, *meant)
                     : fmt::format("unknown option '{}'", name));
}

constexpr std::array kInFlow = {&Arguments::broker, &Arguments::name, &Arguments::run_dir};
constexpr std::array kOfFlow = {&Arguments::broker, &Arguments::run_dir};
constexpr std::array kOnItsOwn = {&Arguments::with_text, &Arguments::workspace};

std::string_view name_of(std::string Arguments::*text) {
  return std::ranges::find(kOptions, text, &Option::text)->name;
}

// As part of a flow.
Status check_member(const Arguments& arguments) {
  for (const auto text : kInFlow) {
    if ((arguments.*text).empty()) return wrong(fmt::format("{} is missing", name_of(text)));
  }
  for (const auto text : kOnItsOwn) {
    if (!(arguments.*text).empty())
      return wrong(
          fmt::format("{} goes with --listen; in a flow the flow file says it", name_of(text)));
  }
  if (arguments.insecure) return wrong("--insecure goes with --listen");
  return {};
}

// On its own.
Status check_listener(Arguments& arguments) {
  for (const auto text : kOfFlow) {
    if (!(arguments.*text).empty())
      return wrong(
          fmt::format("{} does not go with --listen: it is on its own, in no flow", name_of(text)));
  }
  const std::string fault =
      check_listen_address(arguments.listen, arguments.insecure, "--insecure");
  if (!fault.empty()) return wrong(fmt::format("--listen {}: {}", arguments.listen, fault));
  if (arguments.with_text.empty()) return {};
  Result<Value> with = parse_json(arguments.with_text);
  if (!with) return wrong(fmt::format("--with: {}", with.error().message));
  if (with->if_map() == nullptr) return wrong("--with must be a JSON object");
  arguments.with = *with->if_map();
  return {};
}

}  // namespace

Result<Arguments> parse_arguments(std::span<const std::string_view> arguments) {
  Arguments parsed;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto equals = arguments[i].find('=');
    const std::string_view name = arguments[i].substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = arguments[i].substr(equals + 1);
    const Option* option = find_option(name);
    if (option == nullptr) return unknown_option(name);
    if (option->flag != nullptr) {
      if (value) return wrong(fmt::format("{} takes no value", name));
      parsed.*option->flag = true;
      continue;
    }
    if (!value && i + 1 < arguments.size()) value = arguments[++i];
    if (!value || value->empty()) return wrong(fmt::format("{} needs a value", name));
    if (!(parsed.*option->text).empty()) return wrong(fmt::format("{} is given twice", name));
    parsed.*option->text = *value;
  }
  if (parsed.version || parsed.help) return parsed;
  const Status right = parsed.listen.empty() ? check_member(parsed) : check_listener(parsed);
  if (!right) return right.error();
  return parsed;
}

std::string usage(std::string_view program, bool built_ins) {
  return fmt::format(
      "usage: {0} --broker ADDRESS --name EXECUTOR/rep-N --run-dir DIR{1}\n"
      "       {0} --listen ADDRESS{1} [--with JSON] [--name NAME] [--workspace DIR] [--insecure]\n"
      "In a flow:\n"
      "  --broker ADDRESS   the broker's control address, ipc://PATH or tcp://HOST:PORT\n"
      "  --name NAME        the slot this process fills, encode/rep-0\n"
      "  --run-dir DIR      the run directory of the flow\n"
      "On its own, for any number of flows (external = true) and for flowctl post --gateway:\n"
      "  --listen ADDRESS   where it is reached, tcp://HOST:PORT (port 0: any) or ipc://PATH\n"
      "  --with JSON        what the executor is handed, as `with` in a flow file\n"
      "  --name NAME        its name, in answers and for parameters of its own\n"
      "  --workspace DIR    where it keeps its data, default the working folder\n"
      "  --insecure         permits addresses beyond loopback: the network is trusted\n"
      "Always:\n"
      "{2}"
      "  --check-config     only check the command line\n"
      "  --version          print the version\n",
      program, built_ins ? " [--uses EXECUTOR]" : "",
      built_ins ? "  --uses EXECUTOR    which built-in executor to run, default pass-through\n"
                : "");
}

}  // namespace flow::worker
