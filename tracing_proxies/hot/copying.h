/* What the parts share that copy one value within bounds. */
#ifndef TRACING_PROXIES_COPYING
#define TRACING_PROXIES_COPYING

#include "parts.h"

/* The containers that are open above. */
typedef struct Open {
    PyObject *value;
    struct Open *above;
} Open;

/* The room that is left, as `Copy`. */
typedef struct {
    Py_ssize_t left, nodes, items, depth;
    PyObject *limits;
    Open *open;
} Room;

/* Whether a value is kept as it is, but for texts: a number of at most 64 bits, a truth value, None. */
static inline int
is_atom(PyObject *value, int widest)
{
    int over;
    if (value == Py_None || PyFloat_CheckExact(value) || PyBool_Check(value))
        return 1;
    if (!PyLong_CheckExact(value))
        return 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &over);
    return !over && (widest || number != LLONG_MIN);
}

/* All of these return NULL without an exception where something is not for here. */

/* capture.c */
PyObject *hot_copy(PyObject *value, Py_ssize_t depth, Room *room);
PyObject *hot_copy_text(PyObject *text, Room *room);

/* containers.c */
PyObject *hot_copy_flat(PyObject *dict);
PyObject *hot_copy_container(PyObject *value, Py_ssize_t depth, Room *room);

/* models.c */
PyObject *hot_learned(PyTypeObject *kind);
PyObject *hot_copy_model(PyObject *value, Py_ssize_t depth, Room *room);

/* Copy one entry of a container. */
static inline PyObject *
copy_entry(PyObject *item, Py_ssize_t depth, Room *room)
{
    if (room->nodes <= 0)
        return Py_NewRef(hot.left_out);
    return hot_copy(item, depth + 1, room);
}

#endif
