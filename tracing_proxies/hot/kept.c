/* Counts what the frames of calls hold that have just ended and whose frames are kept, by the traceback of an exception that
   is kept, say: that is no holder of what such a call returned. */
#include "collector.h"
#include <frameobject.h>

#if HAS_GENERATIONS
#define MOST_YOUNG 2000 /* objects: as many as there are under the usual thresholds, and more */

typedef struct {
    const PyObject *sought;
    Py_ssize_t found;
} Search;

static int
compare(PyObject *held, void *search)
{
    ((Search *)search)->found += held == ((Search *)search)->sought;
    return 0;
}

/* Whether a frame is that of a call that has ended, and is kept by a traceback, say. */
static inline int
has_ended(PyFrameObject *frame)
{
#if PY_VERSION_HEX < 0x030B0000
    return frame->f_state > FRAME_EXECUTING;
#else
    return 1; /* others show nothing of what they hold */
#endif
}

/* How many references to an object are local names of calls that have just ended: as a call ends whose frame is kept, the
   collector gets to know that, so it is among the last of the young ones. */
Py_ssize_t
hot_held_by_frames(const PyObject *object)
{
    Search search = {object, 0};
    const uintptr_t young = (uintptr_t)hot_young;
    if (hot_young == NULL)
        return 0;
    Py_ssize_t left = MOST_YOUNG;
    for (uintptr_t at = hot_before(young); left > 0 && at != young; left--, at = hot_before(at)) {
        PyObject *one = hot_object_at(at);
        if (PyFrame_Check(one) && has_ended((PyFrameObject *)one))
            Py_TYPE(one)->tp_traverse(one, compare, &search);
    }
    return search.found;
}
#else
Py_ssize_t
hot_held_by_frames(const PyObject *object)
{
    return 0;
}
#endif

/* held_by_frames(object) */
PyObject *
hot_held_by_frames_of(PyObject *module, PyObject *object)
{
    return PyLong_FromSsize_t(hot_held_by_frames(object));
}
