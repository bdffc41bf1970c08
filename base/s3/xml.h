// Reads the answers of S3 servers: elements with text or elements in them. Internal to base/s3.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::s3 {

struct XmlElement {
  std::string name;  ///< without a prefix of a namespace
  std::string text;  ///< of itself, without that of the elements in it; entities resolved
  std::vector<XmlElement> children;

  /// The first child of this name, or null.
  const XmlElement* child(std::string_view wanted) const;
  /// Its text, or nothing.
  std::string text_of(std::string_view wanted) const;
};

/// Reads a whole document. Nothing when it is not well-formed, or has what these answers never
/// have: document types, processing instructions beyond the declaration, CDATA, more than 16
/// levels. Attributes are skipped. A pure function of its argument.
std::optional<XmlElement> read_xml(std::string_view bytes);

}  // namespace weir::s3
