# The rules about layers, homes, sizes and namespaces; scripts/check runs it over all C++ files.
# Needs nothing beyond POSIX awk. Prints FILE:LINE: message, exits 1 if it printed anything.

BEGIN {
  # Layers: who may be included by whom. A folder may include itself and every lower layer.
  rank["base"] = 0
  rank["graph"] = rank["wire"] = rank["net"] = rank["store"] = 1
  rank["route"] = 2
  rank["cluster"] = rank["config"] = rank["client"] = 3
  rank["broker"] = rank["gateway"] = rank["worker"] = 4
  rank["executors"] = rank["flowctl"] = 5

  # Third parties: a pattern of the included name, and the folders that are its home.
  home("^zmq", "net")
  home("^hiredis", "store")
  home("^flatbuffers/", "wire")
  home("_generated\\.h$", "wire")
  home("^toml", "config")
  home("^CLI/", "config flowctl")
  home("^spdlog/", "base")
  home("^nlohmann/", "base")
  home("^re2/", "graph")
  home("^(cuda|cublas|cusparse|thrust/|cub/)", "executors")

  kHeaderLines = 250
  kSourceLines = 500
  kFunctionLines = 70
  broken = 0
}

function home(pattern, folders) {
  homes++
  home_pattern[homes] = pattern
  home_folders[homes] = " " folders " "
}

function report(line, message) {
  printf "%s:%d: %s\n", file, line, message
  broken = 1
}

# The folder a path belongs to, as the layers name it: lib/net/loop.h -> net, config/a.h -> config.
function folder_of(path,   parts, n) {
  n = split(path, parts, "/")
  if (n < 2) return ""
  if (parts[1] == "lib") return parts[2]
  return parts[1]
}

# ---- per file -----------------------------------------------------------------------------------

FNR == 1 {
  end_file()
  begin_file(FILENAME)
}
{
  lines++
  check_include($0)
  scan($0)
}
END {
  end_file()
  exit broken
}

function begin_file(name,   parts, n) {
  file = name
  folder = folder_of(name)
  n = split(name, parts, "/")
  is_header = name ~ /\.(h|cuh)$/
  is_test = parts[1] == "tests"
  mirrored = is_test && n > 2 ? parts[2] : ""  # tests/net may use what lib/net may use
  is_sdk = name ~ /^(client|worker)\/flow\//
  is_peer = name ~ /^bench\/peers\//
  expected = expected_namespace(parts, n)
  lines = 0
  named_namespaces = 0
  depth = 0
  function_depth = 0
  after_function = 0
  text = ""
  in_comment = in_raw = in_directive = 0
}

function end_file(   cap) {
  if (file == "") return
  cap = is_header ? kHeaderLines : kSourceLines
  if (lines > cap) report(lines, "has " lines " lines, at most " cap "; split it by idea")
  if (is_header && expected != "" && named_namespaces == 0 && declares) {
    report(1, "a header of this folder declares namespace " expected)
  }
  declares = 0
  file = ""
}

function expected_namespace(parts, n) {
  if (parts[1] == "lib") return parts[2] == "base" ? "flow" : "flow::" parts[2]
  if (n > 2 && parts[2] == "flow" && (parts[1] == "client" || parts[1] == "worker")) return "flow"
  if (parts[1] in rank) return "flow::" parts[1]
  return ""
}

# ---- includes -----------------------------------------------------------------------------------

function check_include(line,   name, i, of) {
  if (line !~ /^[ \t]*#[ \t]*include[ \t]*["<]/) return
  name = line
  sub(/^[^"<]*["<]/, "", name)
  sub(/[">].*$/, "", name)
  if (is_peer) {
    check_peer_include(name)
    return
  }
  for (i = 1; i <= homes; i++) {
    if (name !~ home_pattern[i] || folder_of_home(i)) continue
    report(FNR, "<" name "> belongs to" home_folders[i] "alone")
  }
  if (is_test || !(folder in rank)) return
  if (name ~ /^flow\//) {
    check_sdk_include(name)
    return
  }
  of = name ~ /\// ? substr(name, 1, index(name, "/") - 1) : ""
  if (!(of in rank) || of == folder) return
  if (folder == "executors" && rank[of] == 4) {
    report(FNR, "executors include " of " only as <flow/executor.h>")
  } else if (rank[of] >= rank[folder]) {
    report(FNR, folder " may not include " of ": arrows point down only")
  }
}

function folder_of_home(i) {
  if (is_test && home_folders[i] == " wire ") return 1
  return index(home_folders[i], " " folder " ") || (mirrored != "" && index(home_folders[i], " " mirrored " "))
}

# A program Flow is compared with stands on its own: any third party, nothing of ours.
function check_peer_include(name,   of) {
  of = name ~ /\// ? substr(name, 1, index(name, "/") - 1) : ""
  if (of in rank || of == "flow" || of == "bench") report(FNR, "a peer includes nothing of ours, but <" name ">")
}

# <flow/...> is the public face of client/ and worker/; executors and flowctl stand above both.
function check_sdk_include(name) {
  if (folder == "client" || folder == "worker" || rank[folder] == 5) return
  if (name == "flow/client.h" && rank[folder] > rank["client"]) return
  report(FNR, folder " may not include <" name ">: arrows point down only")
}

# ---- braces: namespaces and the length of functions ----------------------------------------------

# Reads one line of code. `text` is what stands since the last ; { or }, without comments, strings
# and directives; from it scan() tells what a brace opens.
function scan(line,   token, rest, close_at) {
  if (in_directive || (!in_comment && !in_raw && line ~ /^[ \t]*#/)) {
    in_directive = line ~ /\\$/
    return
  }
  rest = line
  while (rest != "") {
    if (in_comment) {
      close_at = index(rest, "*/")
      if (close_at == 0) return
      in_comment = 0
      rest = substr(rest, close_at + 2)
    } else if (in_raw) {
      close_at = index(rest, raw_end)
      if (close_at == 0) return
      in_raw = 0
      rest = substr(rest, close_at + length(raw_end))
    } else {
      if (!match(rest, /["'{};]|\/\/|\/\*/)) break
      token = substr(rest, RSTART, RLENGTH)
      add_text(substr(rest, 1, RSTART - 1))
      rest = substr(rest, RSTART + RLENGTH)
      if (token == "//") return
      if (token == "/*") in_comment = 1
      else if (token == "\"") rest = skip_string(rest)
      else if (token == "'") rest = skip_character(rest)
      else if (token == "{") open_brace()
      else if (token == "}") close_brace()
      else end_statement()
    }
  }
  add_text(rest)
  add_text(" ")
}

function add_text(more) {
  if (text ~ /^[ \t]*(public|private|protected)[ \t]*:[ \t]*$/) text = ""
  if (more !~ /^[ \t]*$/) after_function = 0
  if (text ~ /^[ \t]*$/ && more !~ /^[ \t]*$/) text_line = FNR
  text = text more
  if (length(text) > 4000) text = substr(text, length(text) - 2000)
}

function skip_string(rest,   at) {
  if (text ~ /R$/) {
    at = index(rest, "(")
    raw_end = ")" substr(rest, 1, at - 1) "\""
    in_raw = 1
    return substr(rest, at + 1)
  }
  add_text("s")
  while (match(rest, /["\\]/)) {
    if (substr(rest, RSTART, 1) == "\"") return substr(rest, RSTART + 1)
    rest = substr(rest, RSTART + 2)
  }
  return ""
}

function skip_character(rest) {
  if (text ~ /[0-9a-fA-F]$/ && rest ~ /^[0-9a-fA-F]/) return rest  # a digit separator
  if (match(rest, /^(\\[^']*|[^'])'/) || match(rest, /^\\''/)) return substr(rest, RLENGTH + 1)
  return rest
}

function open_brace(   what) {
  depth++
  # Foo() : a_{1} { ... }: the braces of a_ looked like a function, the body follows at once.
  what = after_function ? "function" : kind_of(text)
  after_function = 0
  if (what == "namespace") enter_namespace(text)
  else if (what != "value") declares = 1
  if (what == "function" && function_depth == 0) {
    function_depth = depth
    if (text !~ /^[ \t]*$/) function_line = text_line
  }
  text = ""
}

function end_statement() {
  text = ""
  after_function = 0
}

function close_brace(   length_) {
  if (function_depth == depth) {
    length_ = FNR - function_line + 1
    if (length_ > kFunctionLines) {
      report(function_line, "this function has " length_ " lines, at most " kFunctionLines "; push loops into helpers")
    }
    function_depth = 0
    after_function = 1
  }
  if (depth > 0) depth--
  text = ""
}

function kind_of(before) {
  if (before ~ /(^|[ \t])namespace([ \t]|$)/) return "namespace"
  if (before ~ /=[ \t]*$/ && before !~ /operator[ \t]*=/) return "value"
  while (sub(/template[ \t]*<[^<>]*(<[^<>]*>[^<>]*)*>/, "", before)) {}
  if (before ~ /^[ \t]*(typedef[ \t]+)?(class|struct|union|enum)[ \t]/ && before !~ /\)[ \t]*(const|noexcept|override|final|&|[ \t])*$/) return "type"
  if (before ~ /^[ \t]*(public|private|protected)[ \t]*:[ \t]*(class|struct|union|enum)[ \t]/) return "type"
  if (before ~ /\)/) return "function"
  return "value"
}

# Only what the folder owns: flow::x in x. A forward declaration of another folder's type counts as
# a breach too: include its header.
function enter_namespace(before,   name) {
  name = before
  sub(/^.*namespace[ \t]*/, "", name)
  gsub(/[ \t]/, "", name)
  if (name == "" || name !~ /^flow(::|$)/ || depth != 1) return
  named_namespaces++
  if (expected == "" || folder == "executors") return
  if (name == "flow" && folder ~ /^(client|worker)$/) return  # what client/flow/ and worker/flow/ declare
  if (name != expected && index(name, expected "::") != 1) {
    report(FNR, "namespace " name " in a folder whose namespace is " expected)
  }
}
