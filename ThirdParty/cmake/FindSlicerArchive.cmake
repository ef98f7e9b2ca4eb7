# libarchive -> SlicerArchive::SlicerArchive. Slicer's own library is taken before the system's, since one
# process must not load two; its wheel has no headers, Debian's (libarchive-dev) are of the same
# interface, which is stable within version 3.
find_path(SlicerArchive_INCLUDE_DIR archive.h HINTS "${Slicer_DIR}/../LibArchive-install/include")
find_library(SlicerArchive_LIBRARY archive
  HINTS "${FRUGALSEG_SITE_PACKAGES}/slicer_core/third_party.libs"
    "${Slicer_DIR}/../LibArchive-install/lib")
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SlicerArchive REQUIRED_VARS SlicerArchive_LIBRARY SlicerArchive_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "headers: Debian's libarchive-dev")
if(SlicerArchive_FOUND AND NOT TARGET SlicerArchive::SlicerArchive)
  add_library(SlicerArchive::SlicerArchive UNKNOWN IMPORTED)
  set_target_properties(SlicerArchive::SlicerArchive PROPERTIES
    IMPORTED_LOCATION "${SlicerArchive_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${SlicerArchive_INCLUDE_DIR}")
endif()
mark_as_advanced(SlicerArchive_INCLUDE_DIR SlicerArchive_LIBRARY)
