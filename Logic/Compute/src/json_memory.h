/* Whether jansson failed for want of memory: then there is no text that says what is wrong. */
#ifndef FSEG_JSON_MEMORY_H
#define FSEG_JSON_MEMORY_H

#include <jansson.h>

static inline int fseg_json_out_of_memory(const json_error_t *detail)
{
    return detail->text[0] == '\0' || json_error_code(detail) == json_error_out_of_memory;
}

#endif
