# Slicer's last steps read these variables and export these targets.
set(lines)
foreach(name HOMEPAGE CATEGORY CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS KEYWORDS STATUS TIER
    LICENSE_FILE README_FILE)
  if("${EXTENSION_${name}}" STREQUAL "")
    message(FATAL_ERROR "EXTENSION_${name} is not set")
  endif()
  string(APPEND lines "${name}=${EXTENSION_${name}}\n")
endforeach()
get_property(exported GLOBAL PROPERTY Slicer_TARGETS)
string(APPEND lines "TARGETS=${exported}\n")
file(WRITE "${CMAKE_BINARY_DIR}/extension.txt" "${lines}")
