// Reading the rows of keyed state back into a table, by the schema with which they were written.
// Used by the thread of the task while it restores.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/key.h"
#include "weir/runtime/keyed_table.h"

namespace weir {

namespace restore_detail {
/// Parses the schema text of a manifest.
Result<Schema> parse(const std::string& text, const char* what);
Error damaged_row(std::string_view what);
Error other_key(const Schema& written, const Schema& wanted);

/// Today's names of the written fields of a struct that have other ones now.
using FieldNames = std::map<std::string, std::string, std::less<>>;
FieldNames fields_now(const Schema& written, const Schema& now, const ReadPlan& plan);
}  // namespace restore_detail

/// Calls `load` for the row at which `cursor` stands; `step` is for messages.
template <class Load>
Status restore_row(RowCursor& cursor, const std::string& step, Load&& load) {
  ByteReader reader(cursor.key());
  const std::uint64_t hash = reader.big_endian64();
  if (reader.failed()) return restore_detail::damaged_row(step);
  if (Status status = load(StoredRow{hash, reader.rest(), cursor.value()}); !status.ok()) {
    return Error{status.error().code,
                 "The state of step '" + step + "' cannot be restored: " + status.error().message};
  }
  return {};
}
/// The same for each row of `cursor`, which stands before its first.
template <class Load>
Status restore_rows(RowCursor& cursor, const std::string& step, Load&& load) {
  WEIR_TRY(cursor.seek(""));
  while (cursor.valid()) {
    WEIR_TRY(restore_row(cursor, step, load));
    WEIR_TRY(cursor.next());
  }
  return {};
}

/// Loads rows into a table of keys K and states S. Rows of one key come together, its main row
/// first.
template <class K, class S>
class KeyedRowLoader {
  using Parts = StateParts<S>;
  using Main = typename Parts::Main;

 public:
  /// Prepares to read what was written under these schemas (canonical JSON).
  Status open(const std::string& key_schema, const std::string& state_schema) {
    WEIR_ASSIGN(key_written_, restore_detail::parse(key_schema, "key"));
    WEIR_ASSIGN(state_written_, restore_detail::parse(state_schema, "state"));
    WEIR_TRY(check_key());
    WEIR_TRY(keys_.create(key_written_));
    const Schema* main = Parts::main_schema(state_written_);
    if (main == nullptr) return restore_detail::damaged_row("its schema has no main record");
    WEIR_TRY(state_.create(*main));
    fields_now_ = restore_detail::fields_now(*main, schema_of<Main>(), state_.plan());
    rewrite_ = !(state_written_ == Parts::schema()) || !(key_written_ == schema_of<K>());
    return {};
  }
  /// The rows are of an older schema: the next snapshot must hold all rows anew.
  bool rewrite_needed() const { return rewrite_; }

  Status load(KeyedTable<K, S>& table, const StoredRow& row) {
    ByteReader reader(row.key_and_rest);
    K key{};
    if (!keys_.decode(reader, key)) return restore_detail::damaged_row("a key does not read back");
    const std::string_view collection = reader.string();
    if (reader.failed()) return restore_detail::damaged_row("a row's key is cut");
    if (hash_key(key) != row.hash) {
      return restore_detail::damaged_row("a key does not hash to its row; has its type changed?");
    }
    auto& entry = table.place(row.hash, key);
    if (collection.empty()) return load_main(table, entry, row.value);
    return load_element(entry, collection, reader.rest(), row.value);
  }

 private:
  /// Keys with a codec of their own read nothing but what it wrote.
  Status check_key() const {
    if constexpr (shape_of<K> == Shape::custom) {
      if (!(key_written_ == schema_of<K>()))
        return restore_detail::other_key(key_written_, schema_of<K>());
    }
    return {};
  }
  Status load_main(KeyedTable<K, S>& table, typename KeyedTable<K, S>::Entry& entry,
                   std::string_view value) {
    ByteReader reader(value);
    KeyExtras extras;
    if (decode_extras(reader, extras)) entry.make_extras() = std::move(extras);
    if (reader.failed() || !state_.decode(reader, Parts::main(entry.value())) || !reader.at_end()) {
      return restore_detail::damaged_row("a state does not read back");
    }
    table.mark_stored(entry);
    return {};
  }

  Status load_element(typename KeyedTable<K, S>::Entry& entry, std::string_view name,
                      std::string_view key, std::string_view value) {
    Status status;
    const auto renamed = fields_now_.find(name);
    const std::string_view now = renamed == fields_now_.end() ? name : renamed->second;
    Parts::for_each_collection(entry.value(), [&](const char* field, auto& collection) {
      if (now != field) return;
      status = load_into(collection, name, key, value);
    });
    return status;  // a collection that the state no longer has is skipped
  }

  template <class C>
  Status load_into(C& collection, std::string_view name, std::string_view key,
                   std::string_view value) {
    struct Decoders {
      StateDecoder<typename C::RowKey> keys;
      StateDecoder<typename C::RowValue> values;
    };
    auto found = decoders_.find(name);
    if (found == decoders_.end()) {
      auto made = std::make_shared<Decoders>();
      const Schema* written = Parts::collection_schema(state_written_, name);
      if (written == nullptr || written->elements.empty()) {
        return restore_detail::damaged_row("rows of a collection that its schema does not name");
      }
      if (written->elements.size() == 2) WEIR_TRY(made->keys.create(written->elements[0]));
      WEIR_TRY(made->values.create(written->elements.back()));
      found = decoders_.emplace(std::string(name), std::move(made)).first;
    }
    auto& decoders = *static_cast<Decoders*>(found->second.get());
    if (!collection.load(key, value, decoders.keys, decoders.values)) {
      return restore_detail::damaged_row("an entry of collection '" + std::string(name) +
                                         "' does not read back");
    }
    return {};
  }

  Schema key_written_, state_written_;
  StateDecoder<K> keys_;
  StateDecoder<Main> state_;
  restore_detail::FieldNames fields_now_;
  // Decoders of the collections seen so far, by name; the type is that of the collection.
  std::map<std::string, std::shared_ptr<void>, std::less<>> decoders_;
  bool rewrite_ = false;
};

}  // namespace weir
