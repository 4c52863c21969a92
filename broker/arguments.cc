#include "broker/arguments.h"

#include <fmt/format.h>

#include <string_view>

namespace flow::broker {

const char* const kUsage =
    "usage: flow-broker --flow FILE --run-dir DIR [--redis URL] [--set KEY=VALUE]...\n"
    "       flow-broker --flow FILE --check-config\n"
    "       flow-broker --version\n"
    "\n"
    "  --flow FILE      the flow file\n"
    "  --run-dir DIR    the flow's run directory; the broker listens at DIR/broker.ipc\n"
    "  --redis URL      unix:///PATH or redis://HOST:PORT/DB instead of the flow file's\n"
    "  --set KEY=VALUE  replaces a value of the flow file\n"
    "  --check-config   only checks the flow file\n";

Result<Arguments> parse_arguments(int argc, const char* const* argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    std::optional<std::string> value;
    const auto equals = name.find('=');
    if (name.starts_with("--") && equals != std::string_view::npos) {
      value = std::string(name.substr(equals + 1));
      name = name.substr(0, equals);
    }
    bool* flag = name == "--check-config"           ? &arguments.check_config
                 : name == "--version"              ? &arguments.version
                 : name == "--help" || name == "-h" ? &arguments.help
                                                    : nullptr;
    std::string* text = name == "--flow"      ? &arguments.flow_file
                        : name == "--run-dir" ? &arguments.run_dir
                        : name == "--redis"   ? &arguments.redis
                                              : nullptr;
    if (flag != nullptr && !value) {
      *flag = true;
      continue;
    }
    if (text == nullptr && name != "--set")
      return Error{Errc::kInvalidArgument, fmt::format("unknown option '{}'", argv[i])};
    if (!value && i + 1 < argc) value = std::string(argv[++i]);
    if (!value || value->empty())
      return Error{Errc::kInvalidArgument, fmt::format("{} needs a value", name)};
    if (text != nullptr) {
      *text = std::move(*value);
    } else {
      arguments.overrides.push_back(std::move(*value));
    }
  }
  const bool complete =
      arguments.version || arguments.help ||
      (!arguments.flow_file.empty() && (arguments.check_config || !arguments.run_dir.empty()));
  if (!complete) return Error{Errc::kInvalidArgument, "--flow FILE and --run-dir DIR are needed"};
  return arguments;
}

}  // namespace flow::broker
