# add_weir_job(NAME source...): a job library NAME.so that `weir run NAME.so` loads.
#
# Inside Weir's own tree it is put into build/jobs; elsewhere into the current binary folder, or
# into CMAKE_LIBRARY_OUTPUT_DIRECTORY when the project sets one.
function(add_weir_job name)
  if(NOT ARGN)
    message(FATAL_ERROR "add_weir_job(${name}): no source files given; "
      "write add_weir_job(${name} ${name}.cc).")
  endif()
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE weir::weir)
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so")
  if(TARGET weir_flags)
    target_link_libraries(${name} PRIVATE weir_flags)
    set_target_properties(${name} PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/jobs")
    if(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "/(tests/|bench$)")
      add_dependencies(usable ${name})
    endif()
  endif()
endfunction()
