# Stands for a full build of 3D Slicer where only the configuration of our files is judged: it has the
# wheels' libraries under the names that Slicer gives them, and macros that write down what they were
# called with.
set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/ExtensionStep.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/ExtensionStep.cmake")
set(Slicer_INSTALL_ROOT "./")
set(Slicer_QTLOADABLEMODULES_LIB_DIR "lib/Slicer/qt-loadable-modules")
set(Slicer_INSTALL_QTLOADABLEMODULES_LIB_DIR "lib/Slicer/qt-loadable-modules")
