# The last step of a build against a full Slicer: what of our parts Slicer's macros did not make goes into
# the package, then Slicer's own files make the package. Included at the end of the top-level list.

# The module's libraries lie beside each other, in the build tree as in the package.
set_target_properties(frugalseg_imaging PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${Slicer_QTLOADABLEMODULES_LIB_DIR}")
install(TARGETS frugalseg_imaging
  LIBRARY DESTINATION "${Slicer_INSTALL_QTLOADABLEMODULES_LIB_DIR}" COMPONENT RuntimeLibraries)

# Models are sought in share/frugalseg/models of a folder above the libraries (model_locate.h).
install(DIRECTORY "${PROJECT_SOURCE_DIR}/Resources/Models/"
  DESTINATION "${Slicer_INSTALL_ROOT}${Slicer_BUNDLE_EXTENSIONS_LOCATION}share/frugalseg/models"
  COMPONENT RuntimeLibraries
  FILES_MATCHING PATTERN "*.fseg" PATTERN "*.json" PATTERN "*.txt")

# OpenBLAS, jansson and libmd are not part of Slicer: the package carries the files that we were linked with.
install(CODE "
  file(GET_RUNTIME_DEPENDENCIES
    LIBRARIES \"$<TARGET_FILE:frugalseg_imaging>\"
    RESOLVED_DEPENDENCIES_VAR resolved
    UNRESOLVED_DEPENDENCIES_VAR unresolved
    PRE_INCLUDE_REGEXES \"^lib(openblas|jansson|md|gfortran|quadmath)[.]\"
    PRE_EXCLUDE_REGEXES \".*\")
  foreach(library IN LISTS resolved)
    file(INSTALL \"\${library}\" FOLLOW_SYMLINK_CHAIN
      DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${Slicer_INSTALL_QTLOADABLEMODULES_LIB_DIR}\")
  endforeach()"
  COMPONENT RuntimeLibraries)

# Slicer exports the libraries that its macros made; they link to ours.
set_property(GLOBAL APPEND PROPERTY Slicer_TARGETS frugalseg frugalseg_imaging frugalseg_learning)
include(${Slicer_EXTENSION_GENERATE_CONFIG})
include(${Slicer_EXTENSION_CPACK})
