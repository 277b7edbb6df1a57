/* What is known of the interpreter's collector, as its `struct _gc_runtime_state` has it. */
#ifndef TRACING_PROXIES_COLLECTOR
#define TRACING_PROXIES_COLLECTOR

#include "parts.h"

#define HAS_GENERATIONS (PY_VERSION_HEX < 0x030E0000 && !defined(Py_GIL_DISABLED))

#if HAS_GENERATIONS
/* The head of a list of objects, and how many have come to it. */
typedef struct {
    uintptr_t next, previous; /* the lowest bits of the latter are flags */
    int threshold, count;
} Generation;

/* What stands in such a list before its head, or before another one that stands in it. */
static inline uintptr_t
hot_before(uintptr_t at)
{
    return ((const uintptr_t *)at)[1] & ~(uintptr_t)3;
}

static inline PyObject *
hot_object_at(uintptr_t at)
{
    return (PyObject *)(at + sizeof(uintptr_t[2]));
}

/* uncounted.c */
extern Generation *hot_young; /* the list of those that were made last; NULL where it is not known */
Py_ssize_t hot_uncounted_by(PyTypeObject *type);

/* promoted.c */
void hot_find_awaiting(PyObject *gc, Generation *young);
void hot_settle_promoted(void);
extern const Py_ssize_t *hot_promotions;
extern Py_ssize_t hot_promotions_seen;

/* Take ours off what awaits a full collection, if any has been promoted since the last time. */
static inline void
hot_look_for_promoted(void)
{
    if (hot_promotions != NULL && *hot_promotions != hot_promotions_seen)
        hot_settle_promoted();
}
#endif

#endif
