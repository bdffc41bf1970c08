# Compiler, linker and flags of everything built inside this tree. `weir_flags` carries the flags
# privately: job authors outside choose their own.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
# -g1 keeps line numbers in back traces at a fraction of the object size of -g.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

find_program(WEIR_CCACHE ccache)
if(WEIR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${WEIR_CCACHE}")
endif()
find_program(WEIR_MOLD mold)
if(WEIR_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(weir_flags INTERFACE)
target_compile_options(weir_flags INTERFACE
  -Wall -Wextra -fno-omit-frame-pointer
  # Paths in messages of WEIR_CHECK are relative to the tree, whoever built it and where.
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # SSE 4.2 for CRC32C. Not `native`: a library must run on every machine of a cluster.
  target_compile_options(weir_flags INTERFACE -march=x86-64-v2)
endif()
if(WEIR_WERROR)
  target_compile_options(weir_flags INTERFACE -Werror)
endif()

if(WEIR_SANITIZE)
  # For every target, since a process mixes none of them.
  add_compile_options("-fsanitize=${WEIR_SANITIZE}" -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${WEIR_SANITIZE}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The checks that a sanitizer inserts hide from the compiler that a value is set.
    target_compile_options(weir_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  # A quarter of the compile time of -O2 with all of the checks, and stacks that still read.
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-Og -g1 -DNDEBUG")
endif()

# weir_sparse_checks(TARGET FOLDER): leaves out, in a sanitizer build, two checks that cost a third
# of the compile time, in folders that lay out no memory themselves. A null pointer ends in a
# report of the address sanitizer anyway.
function(weir_sparse_checks target folder)
  if(WEIR_SANITIZE MATCHES "undefined" AND folder MATCHES "^(operators|connectors|cluster|sim)")
    target_compile_options(${target} PRIVATE -fno-sanitize=null,alignment)
  endif()
endfunction()
