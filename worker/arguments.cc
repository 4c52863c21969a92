#include "arguments.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/text.h"

namespace flow::worker {
namespace {

struct Option {
  std::string_view name;
  std::string Arguments::*text = nullptr;  // takes a value
  bool Arguments::*flag = nullptr;
};

constexpr std::array<Option, 7> kOptions = {{
    {"--broker", &Arguments::broker, nullptr},
    {"--name", &Arguments::name, nullptr},
    {"--run-dir", &Arguments::run_dir, nullptr},
    {"--uses", &Arguments::uses, nullptr},
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

Status require(const Arguments& arguments) {
  for (const Option& option : kOptions) {
    const bool optional = option.text == nullptr || option.text == &Arguments::uses;
    if (!optional && (arguments.*option.text).empty())
      return wrong(fmt::format("{} is missing", option.name));
  }
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
  if (Status complete = require(parsed); !complete) return std::move(complete).error();
  return parsed;
}

std::string usage(std::string_view program, bool built_ins) {
  return fmt::format(
      "usage: {} --broker ADDRESS --name EXECUTOR/rep-N --run-dir DIR{}\n"
      "  --broker ADDRESS   the broker's control address, ipc://PATH or tcp://HOST:PORT\n"
      "  --name NAME        the slot this process fills, encode/rep-0\n"
      "  --run-dir DIR      the run directory of the flow\n"
      "{}"
      "  --check-config     only check the command line\n"
      "  --version          print the version\n",
      program, built_ins ? " [--uses EXECUTOR]" : "",
      built_ins ? "  --uses EXECUTOR    which built-in executor to run, default pass-through\n"
                : "");
}

}  // namespace flow::worker
