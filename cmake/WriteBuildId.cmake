# Script mode: writes OUTPUT with the build id of the headers named in HEADER_LIST, if it changed.
file(STRINGS "${HEADER_LIST}" headers)
set(everything "${VERSION} ${COMPILER}")
foreach(header IN LISTS headers)
  file(SHA256 "${header}" digest)
  get_filename_component(name "${header}" NAME)
  string(APPEND everything " ${name}:${digest}")
endforeach()
string(SHA256 digest "${everything}")
string(SUBSTRING "${digest}" 0 16 digest)
set(content "// Generated: identifies the public headers and the compiler of this build.
#pragma once

#define WEIR_BUILD_ID \"${VERSION}-${digest}\"
")
set(old "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" old)
endif()
if(NOT old STREQUAL content)
  file(WRITE "${OUTPUT}" "${content}")
endif()
