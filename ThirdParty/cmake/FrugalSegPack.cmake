# With FRUGALSEG_WHEEL_FROM, a tree that is built already, the wheel is packed from there (`make wheel`,
# the test of the wheel) instead of building everything once more. Included at top level; nothing else
# is configured then.
add_custom_target(wheel_contents)
install(CODE "
  execute_process(
    COMMAND \"${CMAKE_COMMAND}\" --install \"${FRUGALSEG_WHEEL_FROM}\" --component wheel --strip
      --prefix \"\${CMAKE_INSTALL_PREFIX}\"
    COMMAND_ERROR_IS_FATAL ANY)"
  COMPONENT wheel)
