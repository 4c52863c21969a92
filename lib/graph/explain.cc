#include "graph/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "graph/codes.h"

namespace flow::graph {
namespace {

constexpr std::array kEntries = {
    Explanation{
        codes::kUnreadable, "the flow file cannot be read",
        R"(The file does not exist, is a folder, or you may not read it. Nothing was checked.

Wrong:  flowctl up serch.toml
Right:  flowctl up search.toml)"},
    Explanation{
        codes::kFileTooLarge, "the flow file, or one of its lines, is too large",
        R"(A flow file has at most 1 MiB, a line at most 8 KiB. A file this large is usually something
else. Test documents belong in a file of their own.

Wrong:  input = [ ... 2 MiB of documents ... ]
Right:  input_file = "documents.jsonl")"},
    Explanation{
        codes::kSyntax, "the file is not valid TOML",
        R"(The reader stopped at the marked place and could not go on, so mistakes behind it were not looked
for. Mostly a quote or a bracket is missing, or a key stands twice in one table.

Wrong:  name = encode
Right:  name = "encode")"},
    Explanation{codes::kTooDeep, "lists and tables are nested too deep",
                R"(Lists, inline tables and dotted keys may be nested 32 deep.

Wrong:  with = { a = { a = { a = ... } } }
Right:  with = { file = "settings.json" })"},
    Explanation{
        codes::kNotText, "the file is not UTF-8 text",
        R"(TOML is UTF-8. A byte that cannot be part of UTF-8, or a zero byte, was found: perhaps the file was
saved in another encoding, or it is no text file.

Wrong:  a file saved as Latin-1 or UTF-16
Right:  iconv -f latin1 -t utf-8 old.toml > new.toml)"},
    Explanation{
        codes::kUnknownKey, "this key does not exist here",
        R"(The key means nothing at this place: it is misspelled, or belongs to another table. Keys that begin
with `x-` are yours and never looked at.

Wrong:  replcas = 2
Right:  replicas = 2
Right:  x-owner = "search team")"},
    Explanation{
        codes::kWrongType, "the value has the wrong type",
        R"(The key wants another kind of value than it was given. Quotes make a string: "2" is not 2. Sizes and
times are strings with a unit. [[executor]] has two brackets, because there are several.

Wrong:  replicas = "2"
Right:  replicas = 2)"},
    Explanation{
        codes::kOutOfRange, "the value is outside of what is possible",
        R"(The type is right, but the value is too small, too large, or does not fit another setting (a single
request must fit into max_in_flight_bytes).

Wrong:  replicas = 0
Right:  replicas = 1)"},
    Explanation{
        codes::kBadQuantity, "this is not a size or a time",
        R"(Sizes are a number and one of B KiB MiB GiB, times a number and one of us ms s m h.

Wrong:  deadline = "30"
Wrong:  max_request = "16MB"
Right:  deadline = "30s"
Right:  max_request = "16MiB")"},
    Explanation{codes::kMissingKey, "a key that must be there is missing",
                R"(The table is not complete without this key.

Wrong:  [flow]
Right:  [flow]
        name = "package-search")"},
    Explanation{codes::kBadWord, "this is not one of the possible words",
                R"(The key takes one of a few words, and this is none of them.

Wrong:  effects = { "/index" = "sometimes" }
Right:  effects = { "/index" = "once" })"},
    Explanation{
        codes::kGivenTwice, "one setting is given under two names",
        R"(Some keys have an older name as well: `shards` and `parallel`, `no_reduce` and `disable_reduce`; and a
test takes its documents from `input` or from `input_file`. Give only one of the two.

Wrong:  no_reduce = true
        disable_reduce = false
Right:  no_reduce = true)"},
    Explanation{
        codes::kBadAddress, "this is not an address",
        R"(The gateway's address is tcp:// with a numeric host and a port (0: any free port), or ipc:// with an
absolute path. Redis is "private", redis://host:port/db or unix:///path/to.sock.

Wrong:  address = "localhost:21000"
Right:  address = "tcp://127.0.0.1:21000")"},
    Explanation{
        codes::kUnsetVariable, "an environment variable is not set",
        R"(A string holds ${NAME}, and there is no such variable. Set it, or give a default, which is used when
it is unset or empty.

Wrong:  uses = "${ENCODER}"
Right:  uses = "${ENCODER:-hashing-encoder}")"},
    Explanation{
        codes::kBadExpansion, "a ${...} is not complete",
        R"(Written are ${NAME} and ${NAME:-default}; the name has letters, digits and _. `$${` stands for the
characters `${` themselves.

Wrong:  text = "${HOME"
Right:  text = "${HOME}")"},
    Explanation{
        codes::kBadOverride, "a --set cannot be applied",
        R"(--set takes KEY=VALUE, where KEY is a setting of [flow], [gateway] or [redis], or of an executor by its
name. VALUE is written as in the file; what is no TOML value is taken as a string.

Wrong:  --set replicas=2
Right:  --set encode.replicas=2
Right:  --set gateway.deadline=5s)"},
    Explanation{
        codes::kBadJson, "a string that should hold JSON does not",
        R"(`when` may be a string of JSON instead of a table, because TOML has no null. This one cannot be read.

Wrong:  when = '{"tags__lang": {"$eq": null}'
Right:  when = '{"tags__lang": {"$eq": null}}')"},
    Explanation{
        codes::kBadFlowName, "this is not a name for a flow",
        R"(A flow's name begins with a small letter and goes on with small letters, digits and -, at most 63
characters: it becomes the name of a folder and of keys.

Wrong:  name = "Package Search"
Right:  name = "package-search")"},
    Explanation{
        codes::kBadTest, "a [[test]] cannot be run as it is written",
        R"(A document has a field that documents do not have or a value that does not fit it, `target` is no
regular expression, the endpoint is empty, or `expect` stands beside an
`expect_code` other than "OK": a failed request answers no documents.

Wrong:  input = [{ txt = "hello" }]
Right:  input = [{ text = "hello" }])"},
};

}  // namespace

std::span<const Explanation> file_explanations() {
  return kEntries;
}

const Explanation* find_explanation(std::string_view code) {
  const auto same = [code](const Explanation& entry) {
    const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
    return std::ranges::equal(entry.code, code, {}, {}, upper);
  };
  for (const auto entries : {file_explanations(), graph_explanations(), status_explanations()}) {
    const auto at = std::ranges::find_if(entries, same);
    if (at != entries.end()) return &*at;
  }
  return nullptr;
}

std::string explain(std::string_view code) {
  const Explanation* entry = find_explanation(code);
  if (entry == nullptr) return {};
  return fmt::format("{}: {}\n\n{}\n", entry->code, entry->title, entry->text);
}

}  // namespace flow::graph
