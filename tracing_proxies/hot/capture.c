/* Copies what most calls have: texts, numbers, plain dicts and lists of them, and models. Everything else is for
   recording/capture.py, which this follows exactly; nothing here runs the application's code. */
#include "parts.h"

/* The containers that are open above. */
typedef struct Open {
    PyObject *value;
    struct Open *above;
} Open;

typedef struct {
    Py_ssize_t left, nodes, items, depth;
    Open *open;
} Room;

static inline int
is_open(PyObject *value, Room *room)
{
    for (Open *open = room->open; open != NULL; open = open->above)
        if (open->value == value)
            return 1;
    return 0;
}

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

/* Whether a weak reference is to an object. */
int
hot_refers_to(PyObject *reference, PyObject *object)
{
    PyObject *referent;
#if PY_VERSION_HEX >= 0x030D0000
    if (PyWeakref_GetRef(reference, &referent) < 0)
        return 0;
#else
    referent = Py_XNewRef(PyWeakref_GetObject(reference));
#endif
    Py_XDECREF(referent);
    return referent == object;
}

/* How objects of a type are recorded, where that is known; NULL if it is not. */
static PyObject *
learned(PyTypeObject *kind)
{
    PyObject *key = PyLong_FromVoidPtr(kind), *entry;
    if (key == NULL)
        return NULL;
    entry = PyDict_GetItemWithError(hot.learned, key);
    Py_DECREF(key);
    if (entry == NULL || !PyTuple_CheckExact(entry) || PyTuple_GET_SIZE(entry) != 2)
        return NULL;
    return hot_refers_to(PyTuple_GET_ITEM(entry, 0), (PyObject *)kind) ? Py_NewRef(PyTuple_GET_ITEM(entry, 1)) : NULL;
}

/* The marker that stands for every object of a type, where that is known; NULL if it is not. */
static PyObject *
marker_of(PyTypeObject *kind)
{
    PyObject *how = learned(kind);
    if (how != NULL && !PyUnicode_CheckExact(how))
        Py_CLEAR(how);
    return how;
}

/* As `flat_copy`: the very tuple, one with markers in it, or None where something has to be copied item by item. */
PyObject *
hot_flat_copy(PyObject *items, PyObject *limits)
{
    Py_ssize_t size = PyTuple_GET_SIZE(items), left = hot_limit(SLOT(limits, Limits, max_bytes));
    PyObject *copied = NULL;
    if (size > hot_limit(SLOT(limits, Limits, max_items)))
        Py_RETURN_NONE;
    for (Py_ssize_t at = 0; at < size; at++) {
        PyObject *item = PyTuple_GET_ITEM(items, at);
        if (PyUnicode_CheckExact(item)) {
            left -= PyUnicode_GET_LENGTH(item);
            continue;
        }
        if (is_atom(item, 1))
            continue;
        PyObject *marker = PyLong_CheckExact(item) ? NULL : marker_of(Py_TYPE(item));
        if (marker == NULL) {
            Py_XDECREF(copied);
            if (PyErr_Occurred())
                return NULL;
            Py_RETURN_NONE;
        }
        if (copied == NULL) {
            copied = PyTuple_New(size);
            if (copied == NULL) {
                Py_DECREF(marker);
                return NULL;
            }
            for (Py_ssize_t each = 0; each < size; each++)
                PyTuple_SET_ITEM(copied, each, Py_NewRef(PyTuple_GET_ITEM(items, each)));
        }
        PyObject *was = PyTuple_GET_ITEM(copied, at);
        PyTuple_SET_ITEM(copied, at, marker);
        Py_DECREF(was);
    }
    if (left < 0) {
        Py_XDECREF(copied);
        Py_RETURN_NONE;
    }
    return copied != NULL ? copied : Py_NewRef(items);
}

/* As `is_flat`. */
int
hot_is_flat(PyObject *dict, PyObject *limits)
{
    Py_ssize_t at = 0, left = hot_limit(SLOT(limits, Limits, max_bytes));
    PyObject *key, *item;
    if (PyDict_GET_SIZE(dict) > hot_limit(SLOT(limits, Limits, max_items)))
        return 0;
    while (PyDict_Next(dict, &at, &key, &item)) {
        if (!PyUnicode_CheckExact(key))
            return 0;
        if (PyUnicode_CheckExact(item))
            left -= PyUnicode_GET_LENGTH(item);
        else if (!is_atom(item, 1))
            return 0;
    }
    return left >= 0;
}

static PyObject *copy(PyObject *value, Py_ssize_t depth, Room *room);

/* Copy one entry of a container; NULL without an exception where it is not for here. */
static inline PyObject *
copy_entry(PyObject *item, Py_ssize_t depth, Room *room)
{
    if (room->nodes <= 0)
        return Py_NewRef(hot.left_out);
    return copy(item, depth + 1, room);
}

/* The note on entries that were left out; NULL without an exception where there are none. */
static PyObject *
rest_of(Py_ssize_t size, Room *room)
{
    return size <= room->items ? NULL : PyObject_CallFunction(hot.note_rest, "n", size - room->items);
}

/* Take the room that a dict of texts and small numbers needs; 0 where it holds anything else, or does not fit. */
static int
take_flat(PyObject *value, Room *room)
{
    PyObject *key, *item;
    Py_ssize_t at = 0, size = PyDict_GET_SIZE(value), left = room->left;
    if (size > room->items || size > room->nodes)
        return 0;
    while (PyDict_Next(value, &at, &key, &item)) {
        if (!PyUnicode_CheckExact(key))
            return 0;
        left -= PyUnicode_GET_LENGTH(key);
        if (PyUnicode_CheckExact(item))
            left -= PyUnicode_GET_LENGTH(item);
        else if (!is_atom(item, 1))
            return 0;
    }
    if (left < 0)
        return 0;
    room->left = left;
    room->nodes -= size;
    return 1;
}

static inline unsigned long long
version_of(PyObject *dict)
{
#if PY_VERSION_HEX >= 0x030C0000
    return 0; /* nothing that is made runs the collector any more */
#else
    return ((PyDictObject *)dict)->ma_version_tag;
#endif
}

/* Copy a dict that has just been found to hold only texts and small numbers; NULL without an exception where the
   collector has run meanwhile, and with it code that has put something else in. */
static PyObject *
copy_flat(PyObject *dict)
{
    unsigned long long version = version_of(dict);
    PyObject *copied = PyDict_Copy(dict);
    if (copied != NULL && version_of(dict) != version)
        Py_CLEAR(copied);
    return hot_inert(copied);
}

static PyObject *
copy_dict(PyObject *value, Py_ssize_t depth, Room *room)
{
    if (take_flat(value, room))
        return copy_flat(value);
    PyObject *copied = PyDict_New(), *key, *item, *rest;
    Py_ssize_t at = 0, size = PyDict_GET_SIZE(value), more = room->items;
    if (copied == NULL)
        return NULL;
    while (more-- > 0 && PyDict_Next(value, &at, &key, &item)) {
        if (!PyUnicode_CheckExact(key) || PyUnicode_GET_LENGTH(key) > room->left)
            goto elsewhere;
        room->left -= PyUnicode_GET_LENGTH(key);
        /* Whatever is made may run the collector, and with it another thread, which changes the dict. */
        Py_INCREF(key);
        Py_INCREF(item);
        PyObject *entry = copy_entry(item, depth, room);
        int failed = entry == NULL || PyDict_SetItem(copied, key, entry) < 0;
        Py_XDECREF(entry);
        Py_DECREF(key);
        Py_DECREF(item);
        if (failed || PyDict_GET_SIZE(value) != size)
            goto elsewhere;
    }
    if ((rest = rest_of(size, room)) != NULL) {
        int failed = PyDict_SetItem(copied, rest, Py_None) < 0;
        Py_DECREF(rest);
        if (failed)
            goto elsewhere;
    }
    if (!PyErr_Occurred())
        return hot_inert(copied);
elsewhere:
    Py_DECREF(copied);
    return NULL;
}

static PyObject *
copy_sequence(PyObject *value, Py_ssize_t size, Py_ssize_t depth, Room *room)
{
    PyObject *copied = PyList_New(0), *rest;
    if (copied == NULL)
        return NULL;
    for (Py_ssize_t at = 0; at < size && at < room->items; at++) {
        if (PySequence_Fast_GET_SIZE(value) != size)
            goto elsewhere;
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(value, at));
        PyObject *entry = copy_entry(item, depth, room);
        int failed = entry == NULL || PyList_Append(copied, entry) < 0;
        Py_XDECREF(entry);
        Py_DECREF(item);
        if (failed)
            goto elsewhere;
    }
    if ((rest = rest_of(size, room)) != NULL) {
        int failed = PyList_Append(copied, rest) < 0;
        Py_DECREF(rest);
        if (failed)
            goto elsewhere;
    }
    if (!PyErr_Occurred())
        return hot_inert(copied);
elsewhere:
    Py_DECREF(copied);
    return NULL;
}

static PyObject *
copy_text(PyObject *text, Room *room)
{
    if (PyUnicode_GET_LENGTH(text) > room->left) {
        Py_ssize_t kept = room->left;
        room->left = 0;
        return PyObject_CallFunction(hot.cut_text, "On", text, kept);
    }
    room->left -= PyUnicode_GET_LENGTH(text);
    return Py_NewRef(text);
}

/* Copy one field; -1 where that is not for here. */
static int
copy_field(PyObject *copied, PyObject *name, PyObject *item, Py_ssize_t depth, Room *room)
{
    if (!PyUnicode_CheckExact(name) || PyUnicode_GET_LENGTH(name) > room->left)
        return -1;
    room->left -= PyUnicode_GET_LENGTH(name);
    Py_INCREF(item);
    PyObject *entry = copy_entry(item, depth, room);
    int done = entry == NULL ? -1 : PyDict_SetItem(copied, name, entry);
    Py_XDECREF(entry);
    Py_DECREF(item);
    return done;
}

/* Copy a named tuple. */
static PyObject *
copy_named(PyObject *value, PyObject *names, Py_ssize_t depth, Room *room)
{
    PyObject *copied = PyDict_New();
    Py_ssize_t size = PyTuple_GET_SIZE(names);
    if (size > PyTuple_GET_SIZE(value))
        size = PyTuple_GET_SIZE(value);
    for (Py_ssize_t at = 0; copied != NULL && at < size && at < room->items; at++) {
        PyObject *name = PyTuple_GET_ITEM(names, at);
        if (copy_field(copied, name, PyTuple_GET_ITEM(value, at), depth, room) < 0 || PyDict_GET_SIZE(copied) != at + 1)
            Py_CLEAR(copied); /* as well where two have the same name, which the original tells apart */
    }
    return hot_inert(copied);
}

/* Copy the fields of an object: of a named tuple, or of one that keeps them in its dict, as those of dataclasses and attrs
   do. */
static PyObject *
copy_fields(PyObject *value, PyObject *names, Py_ssize_t depth, Room *room)
{
    PyObject *copied, *fields;
    if (!PyTuple_Check(value) && Py_TYPE(value)->tp_dictoffset == 0)
        return NULL;
    if (depth >= room->depth)
        return Py_NewRef(hot.too_deep);
    if (PyTuple_Check(value))
        return copy_named(value, names, depth, room);
    fields = PyObject_GenericGetDict(value, NULL);
    if (fields == NULL || !PyDict_CheckExact(fields) || (copied = PyDict_New()) == NULL) {
        Py_XDECREF(fields);
        return NULL;
    }
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(names) && at < room->items; at++) {
        PyObject *name = PyTuple_GET_ITEM(names, at);
        PyObject *item = PyDict_GetItemWithError(fields, name);
        if (item == NULL || copy_field(copied, name, item, depth, room) < 0) {
            Py_CLEAR(copied);
            break;
        }
    }
    Py_DECREF(fields);
    return hot_inert(copied);
}

/* Copy an object of a type whose text runs no code of the application: a moment, a decimal, a path. */
static PyObject *
copy_textual(PyObject *value, Room *room)
{
    PyObject *key = PyLong_FromVoidPtr(Py_TYPE(value)), *write, *text, *copied = NULL;
    if (key == NULL)
        return NULL;
    write = PyDict_GetItemWithError(hot.textual, key);
    Py_DECREF(key);
    if (write == NULL || (text = PyObject_CallOneArg(write, value)) == NULL)
        return NULL;
    if (PyUnicode_CheckExact(text))
        copied = copy_text(text, room);
    Py_DECREF(text);
    return copied;
}

/* Copy an object of the application's, of which it is known how. */
static PyObject *
copy_as(PyObject *how, PyObject *value, Py_ssize_t depth, Room *room)
{
    PyObject *fields, *within, *copied;
    if (PyUnicode_CheckExact(how))
        return Py_NewRef(how);
    if (PyTuple_CheckExact(how))
        return copy_fields(value, how, depth, room);
    if (how != hot.enumeration || (fields = PyObject_GenericGetDict(value, NULL)) == NULL)
        return NULL;
    within = Py_XNewRef(PyDict_GetItemWithError(fields, hot.value));
    Py_DECREF(fields);
    copied = within == NULL ? NULL : copy(within, depth, room);
    Py_XDECREF(within);
    return copied;
}

/* Copy an object of the application's. */
static PyObject *
copy_model(PyObject *value, Py_ssize_t depth, Room *room)
{
    PyObject *how = learned(Py_TYPE(value));
    if (how == NULL)
        return PyErr_Occurred() ? NULL : copy_textual(value, room);
    PyObject *copied = copy_as(how, value, depth, room);
    Py_DECREF(how); /* what is known of types may be forgotten meanwhile */
    return copied;
}

/* Copy a value that may hold others. */
static PyObject *
copy_within(PyObject *value, Py_ssize_t depth, Room *room)
{
    if (PyDict_CheckExact(value))
        return depth >= room->depth ? Py_NewRef(hot.too_deep) : copy_dict(value, depth, room);
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value))
        return depth >= room->depth ? Py_NewRef(hot.too_deep)
                                    : copy_sequence(value, PySequence_Fast_GET_SIZE(value), depth, room);
    return copy_model(value, depth, room);
}

static PyObject *
copy(PyObject *value, Py_ssize_t depth, Room *room)
{
    if (--room->nodes < 0)
        return Py_NewRef(hot.left_out);
    if (PyUnicode_CheckExact(value))
        return copy_text(value, room);
    if (is_atom(value, depth > 0))
        return Py_NewRef(value);
    if (PyLong_CheckExact(value))
        return NULL;
    if (is_open(value, room))
        return Py_NewRef(hot.cycle);
    if (Py_EnterRecursiveCall(" in what is recorded of a call"))
        return NULL;
    Open open = {value, room->open};
    room->open = &open;
    PyObject *copied = copy_within(value, depth, room);
    room->open = open.above;
    Py_LeaveRecursiveCall();
    return copied;
}

/* As `snapshot`. */
PyObject *
hot_snapshot(PyObject *value, PyObject *limits)
{
    Room room = {
        hot_limit(SLOT(limits, Limits, max_bytes)),
        0,
        hot_limit(SLOT(limits, Limits, max_items)),
        hot_limit(SLOT(limits, Limits, max_depth)),
        NULL,
    };
    if (PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) <= room.left)
        return Py_NewRef(value);
    if (is_atom(value, 0))
        return Py_NewRef(value);
    PyObject *copied = NULL;
    if (PyDict_CheckExact(value) && hot_is_flat(value, limits) &&
        ((copied = copy_flat(value)) != NULL || PyErr_Occurred()))
        return copied;
    room.nodes = room.items > PY_SSIZE_T_MAX / 40 ? PY_SSIZE_T_MAX : room.items * 40;
    copied = copy(value, 0, &room);
    if (copied != NULL)
        return copied;
    if (PyErr_Occurred()) { /* a text that cannot be written, a stack that is full: the original has a marker for it */
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return NULL;
        PyErr_Clear();
    }
    return PyObject_CallFunctionObjArgs(hot.take_snapshot, value, limits, NULL);
}
