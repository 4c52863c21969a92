#include <fmt/format.h>

#include "wire/table_reader_internal.h"

namespace flow::wire::internal {

void BufferReader::fail(std::string_view text) {
  if (fault_) return;
  fault_ = Error{Errc::kInvalidArgument, fmt::format("{}: {}", message_, text)};
}

void BufferReader::fail_shared() {
  fail(fmt::format("its tables, vectors and strings overlap: they claim more than its {} bytes",
                   size_));
}

void BufferReader::fail_root() {
  if (size_ < 8) {
    fail(fmt::format("a header of {} bytes holds no table", size_));
  } else {
    fail(fmt::format("the root table is said to be at byte {} of {}", load<std::uint32_t>(0),
                     size_));
  }
}

void BufferReader::fail_vtable(std::size_t at, std::int64_t vtable) {
  fail(fmt::format("the table at byte {} has its vtable at byte {} of {}", at, vtable, size_));
}

void BufferReader::fail_sizes(const TablePlace& place) {
  fail(fmt::format("the table at byte {} has {} bytes and a vtable of {}, outside of {}", place.at,
                   place.size, place.vtable_size, size_));
}

void TableReader::copy_bytes(Field field, std::size_t at, Bytes& out, std::size_t limit) const {
  out = Bytes::copy_of(bytes_at(field, at, limit));
}

void TableReader::texts(Field field, std::size_t limit, std::size_t size_limit,
                        std::vector<std::string>& out) const {
  const std::size_t reference = find(field, 4, 4);
  const Vector found = reference == 0 ? Vector{} : vector<kReference>(field, reference, limit);
  out.resize(found.count);
  for (std::size_t i = 0; i < found.count && buffer_->ok(); ++i)
    out[i] = text_at(field, found.at + 4 * i, size_limit);
}

std::string_view TableReader::name(Field field) const {
  const std::size_t index = (field - 4U) / 2U;
  const flatbuffers::TypeTable* type = type_();
  return type->names != nullptr && index < type->num_elems ? type->names[index] : "a field";
}

void TableReader::fail(Field field, std::string_view text) const {
  if (buffer_ == nullptr) return;
  buffer_->fail(fmt::format("{} {}", name(field), text));
}

void TableReader::fail_field(Field field, std::size_t at) const {
  fail(field,
       fmt::format("is said to be at byte {}, which is misaligned or outside of its table", at));
}

void TableReader::fail_offset(Field field, std::size_t at, std::size_t to) const {
  fail(field, fmt::format("points from byte {} to byte {} of {}, which is misaligned or outside",
                          at, to, buffer_->size_));
}

// Says which of the checks of vector() it does not pass.
void TableReader::fail_vector(Field field, std::size_t reference, Element element,
                              std::size_t limit) const {
  const std::size_t at = target(field, reference);
  if (at == 0) return;
  const std::size_t count = buffer_->load<std::uint32_t>(at);
  const std::size_t bytes = count * element.size + (element.terminated ? 1 : 0);
  if (bytes > buffer_->size_ - at - 4 || (at + 4) % element.alignment != 0) {
    fail(field,
         fmt::format("at byte {} has {} elements, which are misaligned or outside of {} bytes", at,
                     count, buffer_->size_));
  } else if (count > limit) {
    fail(field, fmt::format("has {} {}, at most {} are allowed", count,
                            element.size == 1 ? "bytes" : "entries", limit));
  } else if (element.terminated && buffer_->load<char>(at + 4 + count) != 0) {
    fail(field, "does not end with a zero");
  } else {
    buffer_->fail_shared();
  }
}

void TableReader::fail_enumerator(Field field, unsigned value, unsigned last) const {
  fail(field, fmt::format("is {}, at most {} is known", value, last));
}

}  // namespace flow::wire::internal
