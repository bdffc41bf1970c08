# Generates weir/build_id.h: an id of the public headers and the compiler, which a job library
# carries and the engine compares before it calls into the library. The file changes only when a
# header does, so that nothing else is compiled again.
file(GLOB weir_public_headers CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/include/weir/*.h"
  "${PROJECT_SOURCE_DIR}/base/*.h" "${PROJECT_SOURCE_DIR}/checkpoint/*.h"
  "${PROJECT_SOURCE_DIR}/runtime/*.h" "${PROJECT_SOURCE_DIR}/operators/*.h"
  "${PROJECT_SOURCE_DIR}/connectors/file/*.h" "${PROJECT_SOURCE_DIR}/connectors/kafka/*.h")

set(weir_build_id_header "${PROJECT_BINARY_DIR}/include/weir/build_id.h")
string(MAKE_C_IDENTIFIER "${WEIR_SANITIZE}" weir_build_id_flavour)
string(JOIN "\n" weir_build_id_list ${weir_public_headers})
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/public_headers.txt"
  CONTENT "${weir_build_id_list}\n" @ONLY)

add_custom_command(
  OUTPUT "${PROJECT_BINARY_DIR}/build_id.stamp"
  BYPRODUCTS "${weir_build_id_header}"
  COMMAND "${CMAKE_COMMAND}"
    "-DHEADER_LIST=${PROJECT_BINARY_DIR}/public_headers.txt"
    "-DOUTPUT=${weir_build_id_header}"
    "-DVERSION=${PROJECT_VERSION}"
    "-DCOMPILER=${CMAKE_CXX_COMPILER_ID}-${CMAKE_CXX_COMPILER_VERSION}-${weir_build_id_flavour}"
    -P "${PROJECT_SOURCE_DIR}/cmake/WriteBuildId.cmake"
  COMMAND "${CMAKE_COMMAND}" -E touch "${PROJECT_BINARY_DIR}/build_id.stamp"
  DEPENDS ${weir_public_headers} "${PROJECT_BINARY_DIR}/public_headers.txt"
    "${PROJECT_SOURCE_DIR}/cmake/WriteBuildId.cmake"
  COMMENT "Checking the build id"
  VERBATIM)
add_custom_target(weir_build_id DEPENDS "${PROJECT_BINARY_DIR}/build_id.stamp")
