/* What an observation is made of, as recording/observation.py has it. */
#ifndef TRACING_PROXIES_OBSERVATION
#define TRACING_PROXIES_OBSERVATION

#include "parts.h"

/* The fields of an observation, in their order. */
enum {
    TRACE_ID, ID, PARENT, NAME, KIND, START, END, LEVEL, STATUS, INPUT, OUTPUT, METADATA, MODEL, USAGE, USER, SESSION,
    TAGS, TRACE_NAME, ENVIRONMENT, RELEASE, VERSION, WEIGHT, APP_ROOT, SERVICE, STATE, MORE, FIELDS
};

#endif
