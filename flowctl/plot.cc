#include "graph/plot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "config/flow_file.h"
#include "config/report.h"
#include "flowctl/commands.h"
#include "flowctl/exit_code.h"
#include "flowctl/output.h"

namespace flow::flowctl {
namespace {

struct PlotOptions {
  std::string file;
  std::string format = "svg";
  std::string out;
};

// Writes `text` to the descriptor in a child, so that a full pipe cannot stop us.
pid_t feed(int fd, const std::string& text, int other) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::close(other);
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t written = ::write(fd, left.data(), left.size());
    if (written <= 0) ::_exit(1);
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  ::_exit(0);
}

// Runs `dot -Tsvg` over the text.
Result<std::string> draw_svg(const std::string& dot) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
    return Error{Errc::kInternal, fmt::format("cannot make a pipe: {}", std::strerror(errno))};
  }
  const pid_t drawer = ::fork();
  if (drawer == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::execlp("dot", "dot", "-Tsvg", nullptr);
    ::_exit(127);
  }
  const pid_t feeder = feed(in[1], dot, in[0]);
  for (const int fd : {in[0], in[1], out[1]})
    ::close(fd);
  std::string svg;
  std::array<char, 65536> buffer{};
  for (ssize_t got = ::read(out[0], buffer.data(), buffer.size()); got > 0;
       got = ::read(out[0], buffer.data(), buffer.size())) {
    svg.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(out[0]);
  int status = 0;
  ::waitpid(feeder, nullptr, 0);
  ::waitpid(drawer, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return Error{Errc::kNotFound,
                 "drawing SVG needs the program 'dot' (package graphviz); without it: -f mermaid, "
                 "-f text or -f dot"};
  }
  if (status != 0) return Error{Errc::kInternal, "dot failed"};
  return svg;
}

Result<std::string> draw(const config::LoadedFlow& flow, const std::string& format) {
  const std::map<std::string, graph::PlotFormat> formats = {
      {"svg", graph::PlotFormat::kDot},
      {"dot", graph::PlotFormat::kDot},
      {"mermaid", graph::PlotFormat::kMermaid},
      {"text", graph::PlotFormat::kText}};
  std::string text = graph::plot(flow.decl, flow.graph, formats.at(format));
  if (format != "svg") return text;
  return draw_svg(text);
}

int plot(const PlotOptions& options) {
  config::LoadOptions load;
  load.find_programs = false;
  const config::LoadResult result = config::load_flow(options.file, load);
  if (!result.ok()) {
    fmt::print(stderr, "{}", config::report_text(result, use_color(STDERR_FILENO)));
    return kExitBadFlow;
  }
  const Result<std::string> drawn = draw(*result.flow, options.format);
  if (!drawn) {
    say("{}", drawn.error().message);
    return kExitNo;
  }
  if (options.out.empty()) return write_out(*drawn) ? kExitOk : kExitNo;
  std::ofstream file(options.out, std::ios::binary | std::ios::trunc);
  file << *drawn;
  file.close();
  if (file) return kExitOk;
  say("cannot write {}: {}", options.out, std::strerror(errno));
  return kExitNo;
}

}  // namespace

Command add_plot(CLI::App& root) {
  CLI::App* app = root.add_subcommand("plot", "draws a flow file; starts nothing");
  const auto options = std::make_shared<PlotOptions>();
  app->add_option("FILE", options->file, "the flow file")->required();
  app->add_option("-f,--format", options->format, "svg (needs graphviz), dot, mermaid or text")
      ->check(CLI::IsMember({"svg", "dot", "mermaid", "text"}));
  app->add_option("-O,--out", options->out, "where to write; default: stdout");
  return {app, [options] { return plot(*options); }};
}

}  // namespace flow::flowctl
