#include "config/flow_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/json.h"
#include "config/flow_value.h"

namespace flow::config {
namespace {

void append_value(std::string& out, const Value& value);

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else if (text.substr(i).starts_with("${")) {
      out += "$$";
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_key(std::string& out, std::string_view key) {
  const bool bare = !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (bare) {
    out += key;
    return;
  }
  out += '"';
  for (const char c : key) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_double(std::string& out, double number) {
  if (std::isnan(number)) {
    out += "nan";
  } else if (std::isinf(number)) {
    out += number < 0 ? "-inf" : "inf";
  } else {
    append_json(out, Value(number));  // keeps the fraction of 5.0
  }
}

void append_map(std::string& out, const ValueMap& map) {
  out += '{';
  bool first = true;
  for (const auto& entry : map) {
    out += first ? " " : ", ";
    first = false;
    append_key(out, entry.first);
    out += " = ";
    append_value(out, entry.second);
  }
  out += first ? "}" : " }";
}

void append_value(std::string& out, const Value& value) {
  if (const bool* flag = value.if_bool()) {
    out += *flag ? "true" : "false";
  } else if (const std::int64_t* number = value.if_int()) {
    out += fmt::format("{}", *number);
  } else if (const double* real = value.if_double()) {
    append_double(out, *real);
  } else if (const std::string* text = value.if_string()) {
    append_string(out, *text);
  } else if (const ValueMap* map = value.if_map()) {
    append_map(out, *map);
  } else if (const ValueList* list = value.if_list()) {
    out += '[';
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (i > 0) out += ", ";
      append_value(out, (*list)[i]);
    }
    out += ']';
  } else {
    out += "\"\"";
  }
}

void append_table(std::string& out, std::string_view header, const ValueMap& table) {
  out += fmt::format("{}{}\n", out.empty() ? "" : "\n", header);
  for (const auto& entry : table) {
    append_key(out, entry.first);
    out += " = ";
    append_value(out, entry.second);
    out += '\n';
  }
}

}  // namespace

std::string write_flow(const graph::FlowDecl& flow) {
  std::string out;
  for (const auto& section : declared_value(flow)) {
    if (const ValueMap* table = section.second.if_map()) {
      append_table(out, fmt::format("[{}]", section.first), *table);
    } else if (const ValueList* tables = section.second.if_list()) {
      for (const Value& each : *tables) {
        append_table(out, fmt::format("[[{}]]", section.first), *each.if_map());
      }
    }
  }
  return out;
}

}  // namespace flow::config
