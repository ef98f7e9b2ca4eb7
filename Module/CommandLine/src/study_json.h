/* Values of a task or recipe, which were checked when the configuration was read. */
#ifndef FRUGALSEG_STUDY_JSON_H
#define FRUGALSEG_STUDY_JSON_H

#include <jansson.h>

static inline const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static inline int whole(const json_t *object, const char *key, int otherwise)
{
    const json_t *value = json_object_get(object, key);
    return value ? (int)json_integer_value(value) : otherwise;
}

static inline double real(const json_t *object, const char *key, double otherwise)
{
    const json_t *value = json_object_get(object, key);
    return value ? json_number_value(value) : otherwise;
}

#endif
