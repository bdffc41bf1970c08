# weir_compile_capnp(TARGET schema...): compiles Cap'n Proto schemas and adds what comes out to
# TARGET, whose sources include it as "NAME.capnp.h".
function(weir_compile_capnp target)
  set(out "${PROJECT_BINARY_DIR}/capnp/${target}")
  file(MAKE_DIRECTORY "${out}")
  foreach(schema IN LISTS ARGN)
    get_filename_component(name "${schema}" NAME)
    get_filename_component(folder "${schema}" DIRECTORY)
    add_custom_command(
      OUTPUT "${out}/${name}.h" "${out}/${name}.c++"
      COMMAND "${WEIR_CAPNP}" compile "-oc++:${out}" "--src-prefix=${folder}"
        "-I${WEIR_CAPNP_INCLUDE}" "${schema}"
      DEPENDS "${schema}"
      COMMENT "Compiling ${name}"
      VERBATIM)
    set_source_files_properties("${out}/${name}.c++" PROPERTIES COMPILE_OPTIONS "-w")
    target_sources(${target} PRIVATE "${out}/${name}.c++" "${out}/${name}.h")
  endforeach()
  target_include_directories(${target} SYSTEM PRIVATE "${out}")
endfunction()
