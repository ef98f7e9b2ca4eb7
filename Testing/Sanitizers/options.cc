/* Options of the sanitizers for every test program, so that no environment has to be set. What is
 * suppressed lies in undefined.supp and below, by name, and is third parties' only. */
extern "C" {

const char *__asan_default_options()
{
    return "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:"
           "allocator_may_return_null=1:quarantine_size_mb=64";
}

/* The reports of UndefinedBehaviorSanitizer are recoverable only so that suppressions can work. */
const char *__ubsan_default_options()
{
    return "halt_on_error=1:print_stacktrace=1:suppressions=" FRUGALSEG_UNDEFINED_SUPPRESSIONS;
}

const char *__tsan_default_options()
{
    return "halt_on_error=1:second_deadlock_stack=1:report_signal_unsafe=0:ignore_noninstrumented_"
           "modules=1";
}

const char *__lsan_default_suppressions()
{
    return "leak:libpython\n"
           "leak:libvtk\n"
           "leak:libMRML\n"
           "leak:libopenblas\n"
           "leak:libITKNrrdIO\n"; // a damaged .nrrd: its reader forgets what it had read so far
}

const char *__tsan_default_suppressions()
{
    // Not instrumented: their own synchronization cannot be seen.
    return "called_from_lib:libopenblas\n"
           "called_from_lib:libgomp\n"
           "race:libopenblas\n"
           "race:libITKCommon\n"
           "race:libdcmdata\n"
           "race:liboflog\n";
}

} // extern "C"
